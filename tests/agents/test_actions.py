import pytest
import torch

from cappuccino_assets.agents.actions import TRADE_LEVELS, ActionSpace


def test_a_discrete_action_trades_one_symbol_at_one_level() -> None:
    table = ActionSpace(kind="discrete", n_symbols=7).trade_table()
    assert table.shape == (70, 7)
    for symbol in range(7):
        for level, trade in enumerate(TRADE_LEVELS):
            expected = torch.zeros(7)
            expected[symbol] = trade
            assert torch.equal(table[symbol * 10 + level], expected)


def test_widths_follow_from_the_symbols() -> None:
    assert ActionSpace(kind="continuous", n_symbols=3).n_outputs == 3
    assert ActionSpace(kind="discrete", n_symbols=3).n_outputs == 30


@pytest.mark.parametrize(("kind", "n_symbols"), [("other", 2), ("discrete", 0)])
def test_impossible_spaces_are_refused(kind: str, n_symbols: int) -> None:
    with pytest.raises(ValueError, match="action space"):
        ActionSpace(kind=kind, n_symbols=n_symbols)  # type: ignore[arg-type]
