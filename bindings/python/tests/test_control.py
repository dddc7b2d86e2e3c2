# SPDX-License-Identifier: Apache-2.0 OR MIT
from __future__ import annotations

import errno
import pickle
from collections.abc import Callable

import pytest

import granary
from granary import ctl

from conftest import Outcome


def test_numbers_have_their_c_types_ranges() -> None:
    assert ctl["arenas.page"] == 4096
    assert ctl["arenas.bin.0.nregs"] == 512 and ctl["arenas.bin.0.size"] == 8
    assert ctl["background_thread"] is False
    assert str(ctl["version"]).startswith(granary.__version__)


def test_negative_numbers_go_there_and_back() -> None:
    before = ctl["arenas.dirty_decay_ms"]
    try:
        ctl["arenas.dirty_decay_ms"] = -1
        assert ctl["arenas.dirty_decay_ms"] == -1
    finally:
        ctl["arenas.dirty_decay_ms"] = before


def test_texts_are_copied_both_ways() -> None:
    with granary.arena("first") as a:
        name = f"arena.{a.index}.name"
        assert ctl[name] == "first"
        ctl[name] = "second"
        assert ctl[name] == "second"


def test_actions_are_done_and_not_assigned() -> None:
    ctl.do("arena.0.decay")
    ctl["arena.0.decay"] = None
    with pytest.raises(granary.AccessError, match="use do"):
        ctl["arena.0.decay"] = 1
    with pytest.raises(granary.AccessError, match="it has a value"):
        ctl.do("arenas.page")


@pytest.mark.parametrize("name", ["", "nope", "arenas", "arenas.bin.400.size", "arena.77.purge.x", "epoch."])
def test_unknown_names_are_key_errors(name: str) -> None:
    with pytest.raises(KeyError) as caught:
        ctl[name]
    error = caught.value
    assert isinstance(error, granary.UnknownNameError)
    assert error.name == name and error.code == errno.ENOENT
    assert str(error).startswith(name + ":")
    assert name not in ctl
    assert ctl.get(name) is None


def test_wrong_access_is_said() -> None:
    with pytest.raises(granary.AccessError, match="version: cannot be written"):
        ctl["version"] = "mine"
    with pytest.raises(granary.AccessError, match="cannot be read"):
        ctl["arena.0.purge"]
    with pytest.raises(PermissionError):
        del ctl["version"]


@pytest.mark.parametrize("value", ["1", 1.5, None, 2, -1])
def test_a_bool_takes_nothing_else(value: object) -> None:
    with pytest.raises(granary.ValueRejectedError, match="True or False"):
        ctl["thread.tcache.enabled"] = value  # type: ignore[assignment]


@pytest.mark.parametrize("value", [-1, 1 << 32, True, "0"])
def test_a_number_out_of_range_is_not_cut_off(value: object) -> None:
    with pytest.raises(ValueError):
        ctl["thread.arena"] = value  # type: ignore[assignment]


def test_iteration_is_a_picture_without_consequences() -> None:
    arenas = ctl["arenas.narenas"]
    picture = dict(ctl)
    assert ctl["arenas.narenas"] == arenas, "reading arenas.create would have made one"
    assert len(picture) == len(ctl) > 100
    assert "stats.allocated" in picture and "arenas.create" not in picture
    assert all(name in ctl for name in picture)


def test_nodes_list_everything_with_type_access_and_meaning() -> None:
    nodes = {node.name: node for node in ctl.nodes()}
    assert nodes["arena.<arena>.purge"].is_action
    assert nodes["stats.allocated"].type == "size_t" and not nodes["stats.allocated"].writable
    assert all(node.meaning for node in nodes.values())
    assert ctl.node("arena.12.purge") is nodes["arena.<arena>.purge"]


def test_refresh_counts_epochs() -> None:
    first = ctl.refresh()
    assert ctl.refresh() == first + 1 == ctl["epoch"]


def test_swap_reads_and_writes() -> None:
    with granary.arena() as a:
        before = ctl.swap("thread.arena", a.index)
        assert ctl.swap("thread.arena", before) == a.index


def test_errors_are_one_family_and_can_be_sent() -> None:
    for error in (granary.UnknownNameError("a.b", 2, "why"), granary.AccessError("a.b", 1, "why"),
                  granary.ValueRejectedError("a.b", 22, "why")):
        assert isinstance(error, granary.ControlError) and isinstance(error, granary.GranaryError)
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error) and str(copy) == "a.b: why" and copy.code == error.code


def test_options_of_the_environment_arrive(python: Callable[..., Outcome]) -> None:
    outcome = python("import granary, json; print(json.dumps(granary.ctl['opt.dirty_decay_ms']))",
                     env={"GRANARY_CONF": "dirty_decay_ms:1234"})
    assert outcome.json() == 1234
