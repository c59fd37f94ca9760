import pytest
import torch

from cappuccino_assets.agents.actions import TRADE_LEVELS, ActionSpace


def test_a_discrete_action_trades_one_symbol_or_the_basket_at_one_level() -> None:
    table = ActionSpace(kind="discrete", n_symbols=7).trade_table()
    assert table.shape == (80, 7)
    for level, trade in enumerate(TRADE_LEVELS):
        for symbol in range(7):
            expected = torch.zeros(7)
            expected[symbol] = trade
            assert torch.equal(table[symbol * 10 + level], expected)
        assert torch.equal(table[70 + level], torch.full((7,), trade))


def test_one_symbol_has_no_basket_beside_it() -> None:
    space = ActionSpace(kind="discrete", n_symbols=1)
    assert space.trade_table()[:, 0].tolist() == pytest.approx(TRADE_LEVELS)
    assert (space.n_outputs, space.has_basket) == (10, False)


def test_exploration_trades_the_basket_every_second_time() -> None:
    space = ActionSpace(kind="discrete", n_symbols=2)
    draws = (torch.arange(80, dtype=torch.float64) + 0.5) / 80
    single = torch.arange(20).repeat_interleave(2)
    basket = torch.arange(20, 30).repeat_interleave(4)
    assert torch.equal(space.explore(draws), torch.cat([single, basket]))


def test_exploration_trades_a_single_symbol_at_every_level_alike() -> None:
    space = ActionSpace(kind="discrete", n_symbols=1)
    draws = (torch.arange(10, dtype=torch.float64) + 0.5) / 10
    assert torch.equal(space.explore(draws), torch.arange(10))


def test_widths_follow_from_the_symbols() -> None:
    assert ActionSpace(kind="continuous", n_symbols=3).n_outputs == 3
    assert ActionSpace(kind="discrete", n_symbols=3).n_outputs == 40
    assert ActionSpace(kind="discrete", n_symbols=3).trade_table().shape == (40, 3)


def test_a_contract_tells_a_space_with_the_basket_from_one_without() -> None:
    levels = list(TRADE_LEVELS)
    described = ActionSpace(kind="discrete", n_symbols=2).to_json()
    assert described == {"kind": "discrete", "n_symbols": 2, "levels": levels, "basket": True}
    assert ActionSpace(kind="discrete", n_symbols=1).to_json()["basket"] is False
    described = ActionSpace(kind="continuous", n_symbols=2).to_json()
    assert described == {"kind": "continuous", "n_symbols": 2, "levels": None}


@pytest.mark.parametrize(("kind", "n_symbols"), [("other", 2), ("discrete", 0)])
def test_impossible_spaces_are_refused(kind: str, n_symbols: int) -> None:
    with pytest.raises(ValueError, match="action space"):
        ActionSpace(kind=kind, n_symbols=n_symbols)  # type: ignore[arg-type]
