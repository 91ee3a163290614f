"""Several pages on their way at the same time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Found = TypeVar("Found")


def side_by_side(
    addresses: Iterable[str],
    fetch: Callable[[str], Found],
    more: Callable[[], Iterable[str]],
    *,
    at_once: int,
    left: threading.Event,
) -> Iterator[tuple[str, Found]]:
    """Address and page, as they come. ``more`` gives further addresses, nothing at the end.

    When one fails, those that are under way are waited for and handed out before its error is
    raised: they are paid for. ``left`` is set when pages are not taken any more before the end.
    """
    waiting, running = deque(addresses), dict[Future[Found], str]()
    trouble: list[BaseException] = []
    with ThreadPoolExecutor(at_once, thread_name_prefix="download") as pool:
        try:
            while waiting or running:
                while waiting and len(running) < at_once and not trouble:
                    address = waiting.popleft()
                    running[pool.submit(fetch, address)] = address
                if not waiting and not trouble:
                    _extend(waiting, more, trouble)
                    if waiting and len(running) < at_once:
                        continue
                if not running:
                    break
                for one in wait(running, return_when=FIRST_COMPLETED).done:
                    address = running.pop(one)
                    if error := one.exception():
                        trouble.append(error)
                    else:
                        yield address, one.result()
        except BaseException:
            left.set()
            raise
    if trouble:
        raise trouble[0]


def _extend(
    waiting: deque[str], more: Callable[[], Iterable[str]], trouble: list[BaseException]
) -> None:
    """Asked while downloads go on; what goes wrong in it is not their business."""
    try:
        waiting.extend(more())
    except Exception as error:
        trouble.append(error)
