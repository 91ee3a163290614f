"""Single Linux capabilities for a process that is not root, as capabilities(7) has them."""

import ctypes
import errno
import os

# Numbers from linux/capability.h and linux/prctl.h.
DAC_OVERRIDE = 1
DAC_READ_SEARCH = 2
BY_STRENGTH = (DAC_READ_SEARCH, DAC_OVERRIDE)
"""Read any file and walk through any folder; and write and run any file as well."""

_VERSION_3 = 0x20080522
_SET_KEEPCAPS = 8
_AMBIENT = 47
_AMBIENT_RAISE = 2


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def keep_over_change_of_user() -> None:
    """Keep the capabilities of root permitted, though not in effect, after `setuid`."""
    _prctl(_SET_KEEPCAPS, 1)


def hold_only(capability: int) -> bool:
    """Put this one capability into effect, also for programs started from here, and no other.

    Returns False if it is not permitted: containers often withhold some.
    """
    bit = 1 << capability
    header = _Header(_VERSION_3, 0)
    # The first element has capabilities 0 to 31, the second the rest.
    sets = (_Sets * 2)()
    _call("capget", ctypes.byref(header), sets)
    if not sets[0].permitted & bit:
        return False
    # The others stay permitted, out of effect, until this process turns into another program.
    sets[0].effective = sets[0].inheritable = bit
    sets[1].effective = sets[1].inheritable = 0
    _call("capset", ctypes.byref(header), sets)
    try:
        _prctl(_AMBIENT, _AMBIENT_RAISE, capability)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EINVAL):
            return False
        raise
    return True


def _prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    _call("prctl", option, *map(ctypes.c_ulong, padded))


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
