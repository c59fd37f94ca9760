"""What to do about a file that cannot be read or written."""

import errno
import os
from typing import Final

from cappuccino_assets.settings import current_settings

_ELSEWHERE: Final = "or set CAPPUCCINO_WAREHOUSE to another folder"
_ADVICE: Final = {
    errno.ENOSPC: f"Make room on its disk, {_ELSEWHERE}",
    errno.EDQUOT: f"Make room in its quota, {_ELSEWHERE}",
    errno.EFBIG: f"Raise the limit of a file's size (ulimit -f), {_ELSEWHERE}",
    errno.EROFS: f"Make its disk writable, {_ELSEWHERE}",
    errno.EACCES: f"Allow reading and writing it, {_ELSEWHERE}",
    errno.EPERM: f"Allow reading and writing it, {_ELSEWHERE}",
    errno.ENOTDIR: f"A file lies where a folder should be: move it, {_ELSEWHERE}",
    errno.EEXIST: f"A file lies where a folder should be: move it, {_ELSEWHERE}",
}


def file_fault(error: OSError) -> str:
    """Say which file is at fault, why, and what to do; the same command then continues."""
    path = error.filename or f"a file in {current_settings().warehouse}"
    reason = os.strerror(error.errno) if error.errno else str(error)
    advice = _ADVICE.get(error.errno or 0, f"See that the path can be used, {_ELSEWHERE}")
    return f"{path}: {reason}. {advice}; then run the same command again."
