import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
