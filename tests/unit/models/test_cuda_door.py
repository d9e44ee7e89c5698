"""What our one door does with pycuda and TensorRT, seen by stand-ins for both."""

from __future__ import annotations

import numpy as np
import pytest

from core.models.metadata import TensorSpec
from edge.infer._cuda import CudaDriver
from edge.infer.driver import BuildSpec
from edge.infer.errors import EngineBuildFailed, GpuFailed
from edge.infer.tensorrt_engine import in_batches, joined
from tests.fake_cuda import FakeContext, FakeCuda, FakeTrt

IMAGE = TensorSpec("image", "float32", (None, 1, 4, 4))


class Door:
    def __init__(self, has_fp16_flag: bool = True) -> None:
        self.cuda = FakeCuda()
        self.trt = FakeTrt(self.cuda, has_fp16_flag)
        self.trt.Logger = lambda level: level
        self.trt.Logger.ERROR = 1
        self.context = FakeContext(self.cuda)
        self.driver = CudaDriver(self.cuda, self.trt, 0, self.context)

    def build(self, precision="fp32", timing=b""):
        return self.driver.build(b"onnx", BuildSpec(precision, (IMAGE,)), timing)


def batches(count, length=2):
    return [{"image": np.full((length, 1, 4, 4), n, np.float32)} for n in range(1, count + 1)]


def test_answers_come_in_order_and_copies_overlap_computing():
    door = Door()
    runner = door.driver.open(b"plan")
    answers = runner.run(batches(4))
    assert [float(one["heat"][0, 0, 0, 0]) for one in answers] == [2, 4, 6, 8]
    steps = [(step[0], step[1]) for step in door.cuda.log]
    first_wait = steps.index(("wait", 1))
    assert ("in", 2) in steps[:first_wait], "the second is on its way before the first is awaited"
    assert steps.index(("in", 1), 1) > first_wait, "a lane's buffers are not overwritten under way"
    assert {step[2] for step in door.cuda.log if step[0] == "compute"} == {0, 1}, "a profile a lane"
    assert door.context.depth == 0


def test_buffers_are_pinned_once_per_shape_and_given_back():
    door = Door()
    runner = door.driver.open(b"plan")
    runner.run(batches(2))
    before = len(door.cuda.allocated)
    runner.run(batches(6))
    assert len(door.cuda.allocated) == before == 4
    runner.run(batches(1, length=3))
    assert len(door.cuda.allocated) == 6
    runner.close()
    assert all(one.freed for one in door.cuda.allocated)


@pytest.mark.parametrize(
    "call", ["push", "Stream", "mem_alloc", "pagelocked_empty", "memcpy_htod_async", "execute",
             "memcpy_dtoh_async", "synchronize", "pop", "refuses", "profile"],
)  # fmt: skip
def test_whatever_cuda_refuses_is_one_typed_error(call):
    door = Door()
    if call in ("push", "Stream", "profile"):
        door.cuda.broken.add(call)
        with pytest.raises(GpuFailed):
            door.driver.open(b"plan")
        return
    runner = door.driver.open(b"plan")
    door.cuda.broken.add(call)
    with pytest.raises(GpuFailed) as failed:
        runner.run(batches(1))
    assert "\n" not in str(failed.value.facts["what"])


@pytest.mark.parametrize("call", ["push", "free", "pop"])
def test_closing_on_a_lost_device_says_nothing(call):
    door = Door()
    runner = door.driver.open(b"plan")
    runner.run(batches(1))
    door.cuda.broken.add(call)
    runner.close()
    runner.close()


def test_a_batch_beyond_the_profile_is_refused():
    with pytest.raises(GpuFailed):
        Door().driver.open(b"plan").run(batches(1, length=9))


def test_a_plan_that_does_not_open_or_has_no_memory_is_said():
    door = Door()
    door.trt.opens = False
    with pytest.raises(GpuFailed):
        door.driver.open(b"plan")
    door.trt.opens, door.trt.contexts = True, False
    with pytest.raises(GpuFailed):
        door.driver.open(b"plan")


def test_fp32_is_not_tf32_and_fp16_is_a_flag_where_there_is_one():
    door = Door()
    door.build("fp32")
    assert (door.trt.seen.cleared, door.trt.seen.flags) == (["tf32"], [])
    door.build("fp16")
    assert door.trt.seen.flags == ["fp16"]
    typed = Door(has_fp16_flag=False)
    assert typed.driver.needs_typed_network()
    typed.build("fp16")
    assert typed.trt.seen.flags == []


def test_an_int8_networks_own_types_decide():
    door = Door()
    door.build("int8")
    assert (door.trt.seen.network_flags, door.trt.seen.flags) == ([2], [])
    typed = Door(has_fp16_flag=False)
    typed.build("int8")
    assert typed.trt.seen.network_flags == [0]


def test_every_lane_has_its_profile_and_the_batch_is_free():
    door = Door()
    door.build()
    shapes = ((1, 1, 4, 4), (1, 1, 4, 4), (8, 1, 4, 4))
    assert door.trt.seen.shapes == [("image", shapes)] * 2


def test_the_timing_cache_is_kept_and_a_foreign_one_left():
    door = Door()
    assert door.build(timing=b"old").timing_cache == b"oldtimed"
    door.trt.refuses_cache = True
    assert door.build(timing=b"foreign").timing_cache == b"timed"


def test_what_tensorrt_cannot_build_is_said():
    door = Door()
    door.trt.parses = False
    with pytest.raises(EngineBuildFailed) as failed:
        door.build()
    assert "no such operator" in str(failed.value.facts["what"])
    door.trt.parses, door.trt.serialises = True, False
    with pytest.raises(EngineBuildFailed):
        door.build()


def test_batches_are_cut_and_joined():
    many = {"image": np.arange(19, dtype=np.float32).reshape(19, 1, 1, 1)}
    parts = in_batches(many, (IMAGE,), 8)
    assert [len(part["image"]) for part in parts] == [8, 8, 3]
    assert np.array_equal(joined(parts)["image"], many["image"])
    fixed = TensorSpec("image", "float32", (19, 1, 1, 1))
    assert in_batches(many, (fixed,), 8) == [many]
