"""The rules of money once more, in plain Python and for one account: the oracle of the tensors."""

import math


def plain_fee_rate(schedule, volume):
    tiers = [(tier.volume_usd, getattr(tier, schedule.side.value)) for tier in schedule.tiers]
    reached = max(i for i, (bound, _) in enumerate(tiers) if volume >= bound)
    bound, rate = tiers[reached]
    if schedule.mode.value != "progressive" or reached == len(tiers) - 1:
        return rate
    next_bound, next_rate = tiers[reached + 1]
    return rate + (next_rate - rate) * (volume - bound) / (next_bound - bound)


class PlainAccount:
    def __init__(self, rules, start):
        self.rules = rules
        self.start = start
        self.cash = rules.initial_cash_usd
        n = len(rules.symbols)
        self.minimum = [rules.minimum_quantity[symbol] for symbol in rules.symbols]
        self.quantity = [0.0] * n
        self.paid = [0.0] * n  # USD that the position cost
        self.high = [0.0] * n
        self.overdue = [False] * n
        self.fills = []  # (row, gross USD)
        self.fees = 0.0
        self.realised = 0.0

    def equity(self, prices):
        return self.cash + sum(q * p for q, p in zip(self.quantity, prices, strict=True))

    def unrealised(self, prices):
        return sum(
            q * p - paid for q, p, paid in zip(self.quantity, prices, self.paid, strict=True)
        )

    def rate_at(self, row):
        first = row - 30 * self.rules.bars_per_day
        volume = sum(usd for when, usd in self.fills if first <= when < row)
        return plain_fee_rate(self.rules.fees, volume)

    def trade(self, action, t, arrays):
        """Decide at row t, trade in row t + 1."""
        rules, cost = self.rules, (self.rules.half_spread_bps + self.rules.slippage_bps) / 10_000
        rate = self.rate_at(t + 1)
        equity = self.equity(arrays.close[t])
        sells, buys = self.orders(action, t, arrays, equity)
        for i, quantity in sells.items():
            self.sell(i, quantity, arrays.open[t + 1, i] * (1 - cost), rate, t + 1)
        spendable = max(0.0, self.cash - rules.min_cash_reserve * equity)
        needed = math.fsum(buys.values()) * (1 + rate)
        for i, usd in buys.items():
            scaled = usd * min(1.0, spendable / needed)
            price = arrays.open[t + 1, i] * (1 + cost)
            if scaled >= rules.minimum_notional_usd and scaled / price >= self.minimum[i]:
                self.buy(i, scaled, price, rate, t + 1)
        if rules.cycle_bars and (t + 1 - self.start) % rules.cycle_bars == 0:
            for i, quantity in enumerate(self.quantity):
                if quantity and arrays.observed[t + 1, i]:
                    self.sell(i, quantity, arrays.close[t + 1, i] * (1 - cost), rate, t + 1)
                elif quantity:
                    self.overdue[i] = True
        for i in range(len(self.high)):
            self.high[i] = max(self.high[i], arrays.close[t + 1, i])

    def orders(self, action, t, arrays, equity):
        sells, buys = {}, {}
        for i, a in enumerate(action):
            seen_now, seen_next = arrays.observed[t, i], arrays.observed[t + 1, i]
            if self.overdue[i]:
                if seen_next:
                    sells[i] = self.quantity[i]
            elif seen_now and seen_next:
                self.order(i, a, arrays.close[t, i], equity, sells, buys)
        return sells, buys

    def order(self, i, a, close, equity, sells, buys):
        held, pct = self.quantity[i], self.rules.trailing_stop_pct
        if held and pct and close < self.high[i] * (1 - pct):
            sells[i] = held
            return
        if abs(a) < self.rules.hold_threshold:
            return
        usd = a * self.rules.trade_fraction * equity
        if usd > 0:
            if usd >= self.rules.minimum_notional_usd and usd / close >= self.minimum[i]:
                buys[i] = usd
            return
        wanted = min(-usd / close, held)
        if held - wanted < self.minimum[i]:
            wanted = held
        if wanted and wanted >= self.minimum[i]:
            sells[i] = wanted

    def sell(self, i, quantity, price, rate, row):
        whole = quantity == self.quantity[i]
        paid = self.paid[i] if whole else self.paid[i] * quantity / self.quantity[i]
        gross = quantity * price
        self.cash += gross * (1 - rate)
        self.fees += gross * rate
        self.realised += gross - paid
        self.paid[i] -= paid
        self.quantity[i] = 0.0 if whole else self.quantity[i] - quantity
        self.overdue[i] = False
        self.fills.append((row, gross))

    def buy(self, i, usd, price, rate, row):
        if self.quantity[i] == 0:
            self.high[i] = price
        self.cash -= usd * (1 + rate)
        self.fees += usd * rate
        self.paid[i] += usd
        self.quantity[i] += usd / price
        self.fills.append((row, usd))
