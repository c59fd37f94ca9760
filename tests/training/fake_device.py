"""A device that is not there: its tensors live in the processor's memory, and know it not.

What meets a tensor of another device raises, as on a GPU, and what waits for the device is counted.
The numbers are real: a whole training can be run there, and compared with one that is not.
"""

from collections import Counter
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("far")
FAR = torch.device("far", 0)
_aten = torch.ops.aten
_WAITS = {  # for these the processor waits until the device has caught up
    _aten._local_scalar_dense.default: "scalar",
    _aten.equal.default: "scalar",
    _aten.is_nonzero.default: "scalar",
    _aten.nonzero.default: "nonzero",
    _aten.masked_select.default: "nonzero",
    _aten._unique2.default: "nonzero",
    _aten.repeat_interleave.Tensor: "nonzero",
}
_COPIES = {_aten._to_copy.default, _aten.copy_.default, _aten._copy_from.default}


class FarTensor(Tensor):
    """A tensor on `FAR`; `near` holds its numbers."""

    near: Tensor
    waits: ClassVar[Counter[str]] = Counter()

    @staticmethod
    def __new__(cls, near: Tensor) -> "FarTensor":
        far = Tensor._make_wrapper_subclass(
            cls,
            near.shape,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=FAR,
        )
        far.near = near
        return far

    def __repr__(self, **_: Any) -> str:
        return f"FarTensor({self.near!r})"

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        cls._check(func, args, kwargs)
        target = kwargs.get("device")
        near_kwargs = kwargs | ({"device": "cpu"} if target is not None else {})
        result = func(*tree_map(_near, args), **tree_map(_near, near_kwargs))
        if func is _aten._local_scalar_dense.default or func is _aten.equal.default:
            return result
        if func._schema.name.endswith("_copy_from") or (target and _type(target) == "cpu"):
            return result
        changed = _changed(func, args, kwargs)
        return changed if changed is not None else tree_map(_far, result)

    @classmethod
    def _check(cls, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if func in _WAITS:
            cls.waits[_WAITS[func]] += 1
        if func is _aten.index.Tensor and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        ):
            cls.waits["nonzero"] += 1
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        near = [each for each in tensors if not isinstance(each, FarTensor)]
        target = kwargs.get("device")
        if func in _COPIES:
            to_near = target is not None and _type(target) == "cpu"
            if to_near or (func is _aten.copy_.default and near and near[0] is args[0]):
                cls.waits["copy to the processor"] += 1
            elif near:
                cls.waits["copy to the device"] += 1
        elif any(each.dim() for each in near):
            raise RuntimeError(f"{func} got tensors of two devices.")


def _near(x: Any) -> Any:
    return x.near if isinstance(x, FarTensor) else x


def _far(x: Any) -> Any:
    with torch.inference_mode(False):  # torch counts versions of whatever comes back
        return FarTensor(x) if isinstance(x, Tensor) else x


def _type(device: Any) -> str:
    return torch.device(device).type


def _changed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What an operation in place, or into a given tensor, gives back."""
    written = [
        kwargs[each.name] if each.name in kwargs else args[i]
        for i, each in enumerate(func._schema.arguments)
        if each.alias_info is not None
        and each.alias_info.is_write
        and (each.name in kwargs or i < len(args))
    ]
    if any(each.shape != each.near.shape for each in written if isinstance(each, FarTensor)):
        raise NotImplementedError(f"{func} changes the shape of a tensor.")
    return None if not written else written[0] if len(written) == 1 else tuple(written)


@torch.library.impl("aten::empty_strided", "PrivateUse1")
def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> FarTensor:
    return FarTensor(torch.empty_strided(size, stride, dtype=dtype or torch.get_default_dtype()))


@torch.library.impl("aten::empty.memory_format", "PrivateUse1")
def _empty(size: Any, *, dtype: Any = None, **_: Any) -> FarTensor:
    return FarTensor(torch.empty(size, dtype=dtype or torch.get_default_dtype()))


@torch.library.impl("aten::arange", "PrivateUse1")
def _arange(end: int, *, dtype: Any = None, **_: Any) -> FarTensor:
    return FarTensor(torch.arange(end, dtype=dtype))


@torch.library.impl("aten::arange.start", "PrivateUse1")
def _arange_from(start: int, end: int, *, dtype: Any = None, **_: Any) -> FarTensor:
    return FarTensor(torch.arange(start, end, dtype=dtype))


@torch.library.impl("aten::eye", "PrivateUse1")
def _eye(n: int, *, dtype: Any = None, **_: Any) -> FarTensor:
    return FarTensor(torch.eye(n, dtype=dtype))


@torch.library.impl("aten::_copy_from", "PrivateUse1")
def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    kind = "device" if isinstance(target, FarTensor) else "processor"
    FarTensor.waits[f"copy to the {kind}"] += 1
    _near(target).copy_(_near(source))
    return target
