"""A page asks for several pictures at once: threads that begin together each get their answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from edge.api.context import visible_study
from tests.api_site import ApiSite, chest

THREADS = 8


def test_a_study_is_read_by_many_threads_at_once(tmp_path):
    made = ApiSite(tmp_path / "box")
    made.send(chest())
    study, start = made.study(), Barrier(THREADS)

    def ask(_number: int) -> str:
        # The same statement, new to the connection: two that prepare it together end in a KeyError
        # of its statement cache, unless each waits for the connection.
        start.wait()
        return visible_study(made.site, study)["study"]

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(ask, range(THREADS))) == {study}
