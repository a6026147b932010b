"""What `bench` measures of the tiny model; no seconds, which say nothing on a busy machine."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import PresetError, UsageError
from cyberhost_cli.pipelines.bench.contenders import read_contenders
from cyberhost_cli.pipelines.bench.inputs import random_clip, random_model
from cyberhost_cli.pipelines.bench.meter import Meter, counting, matmul_peak
from cyberhost_cli.pipelines.bench.naive import naive
from cyberhost_cli.pipelines.bench.pairs import compare
from cyberhost_cli.pipelines.bench.report import OVERLAPPED, SUM, measure
from cyberhost_cli.pipelines.bench.run import PARTS, SAMPLING, Kept, engine, run
from cyberhost_cli.pipelines.bench.subject import Subjects
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.model import choose_weights, load
from cyberhost_cli.pipelines.progress import silent
from tests.conftest import TINY

CPU = torch.device("cpu")
SECONDS, FRAMES = 0.4, 10
"""Two chunks of the tiny preset, which share two frames."""


@pytest.fixture(scope="module")
def settings(weights):
    """Return what makes `demo` the tiny preset, for options that take switches."""
    return [*TINY, f"checkpoint={weights}"]


@pytest.fixture
def pair(settings):
    """Measure contenders against each other, once."""

    def call(*texts, seconds):
        return compare(read_contenders(texts, "demo", settings), seconds, 1, silent)

    return call


def test_a_part_within_another_counts_for_itself_alone():
    with counting(CPU) as meter:
        with meter.part("outer"):
            torch.ones(2, 3) @ torch.ones(3, 4)
            with meter.part("inner"):
                torch.ones(5, 6) @ torch.ones(6, 7)
            torch.ones(2, 3) @ torch.ones(3, 4)
        torch.ones(9, 9) @ torch.ones(9, 9)
    assert {name: spent.flop for name, spent in meter.spent.items()} == {"outer": 2 * 48, "inner": 2 * 5 * 6 * 7}
    assert meter.spent["outer"].seconds > 0


def test_methods_are_themselves_again_after_they_were_measured():
    class Doubler:
        def double(self, number):
            return 2 * number

    plain, meter = Doubler.double, Meter(CPU)
    with meter.around(Doubler, "double", "doubling"):
        assert Doubler().double(number=3) == 6
    assert Doubler.double is plain
    assert list(meter.spent) == ["doubling"]


def test_attention_on_a_cpu_is_counted():
    queries, keys = torch.randn(2, 3, 10, 8), torch.randn(2, 3, 20, 8)
    with torch.inference_mode(), counting(CPU) as meter, meter.part("attention"):
        torch.nn.functional.scaled_dot_product_attention(queries, keys, keys)
    assert meter.spent["attention"].flop == 2 * 2 * (2 * 3 * 10 * 20 * 8)


def test_matrix_products_have_a_speed():
    assert 1e8 < matmul_peak(CPU, torch.float32) < 1e14


def test_the_arithmetic_told_is_that_of_generating(preset):
    report = measure(preset, SECONDS, 1, silent)
    model, clip = load(choose_weights(preset), preset), random_clip(preset.preset, FRAMES, 0)
    # With attention in single matrix products torch needs no formula for it.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        frames = np.concatenate(list(generate(clip, model, preset.preset, 0)))
    rows = {row.part: row for row in report.rows}
    assert list(rows) == [*PARTS, SUM, OVERLAPPED]
    assert frames.shape == (FRAMES, 32, 32, 3)
    assert rows[SUM].flop * SECONDS == pytest.approx(counter.get_total_flops(), rel=1e-12)
    assert sum(rows[part].flop for part in PARTS) == pytest.approx(rows[SUM].flop)
    assert rows["encode"].flop == 0
    assert all(rows[part].flop > 0 for part in PARTS if part != "encode")
    assert rows[SUM].share == pytest.approx(rows[SUM].flop / rows[SUM].cpu_seconds / report.peak_flop)


def test_progress_ends_where_it_should(preset):
    told = []
    measure(preset, SECONDS, 2, lambda *done: told.append(done))
    assert told[0] == (0, 5 * FRAMES)
    assert told[-1] == (5 * FRAMES, 5 * FRAMES)
    assert told == sorted(told)


WINDOWS = ("sampling.plan=windows", "sampling.shift=3", "model.motion.frames=0", "checkpoint=null")


@pytest.mark.parametrize(
    "also",
    [
        ("sampling.guidance.audio=2.0",),
        ("sampling.guidance.audio=2.0", "sampling.guidance.reference=3.0"),
        ("sampling.guidance.reference=3.0", "sampling.guidance.keep_map=false", "device.memory=8gb"),
        ("sampling.steps=4", "sampling.guidance.interval=[0.25,0.7]"),
        ("sampling.solver=lcm", "sampling.steps=3", "sampling.guidance.audio=1.0"),
        (*WINDOWS, "sampling.guidance.audio=2.0"),
        (*WINDOWS, "sampling.guidance.audio=2.0", "sampling.guidance.reference=3.0"),
    ],
)
def test_the_engine_gives_what_its_naive_form_gives(settings, also):
    subject = Subjects().make(load_preset("demo", [*settings, *also]), SECONDS)
    made, spent = [], []
    for way in (engine, naive):
        kept = Kept()
        with counting(CPU) as meter:
            run(subject, way, meter, silent, kept)
        made.append(kept.all_latents())
        spent.append(sum(meter.spent[part].flop for part in SAMPLING))
    assert made[0].shape == (FRAMES, 4, 8, 8)
    assert (made[0] - made[1]).abs().max() < 1e-4 * made[1].abs().max()
    assert spent[0] < spent[1]


def test_the_naive_form_is_told_apart(pair):
    ours, other = pair("engine", "naive", seconds=SECONDS)
    assert (ours.difference, ours.error) == (0, 0)
    assert 0 < other.difference < 1e-4
    assert other.error < 0.06
    assert 1 < other.whole.flop_ratio < other.sampling.flop_ratio


def test_switches_against_each_other(pair):
    two, one, large = pair("sampling.steps=2", "sampling.steps=1,output.crf=30", "picture.width=64", seconds=0.2)
    assert [rival.name for rival in (two, one, large)] == [
        "sampling.steps=2",
        "sampling.steps=1,output.crf=30",
        "picture.width=64",
    ]
    assert two.whole.ratio == two.sampling.cpu_ratio
    assert asdict(two.whole.ratio) == {"low": 1, "median": 1, "high": 1}
    assert one.sampling.flop_ratio < 0.7
    assert one.difference > 0.01
    assert one.error > 0.06
    assert (large.difference, large.error) == (None, None)
    assert one.sampling.ratio.low <= one.sampling.ratio.median <= one.sampling.ratio.high


def test_contenders_are_read(settings):
    preset, switched, naive = read_contenders(
        ["animate-anyone", "sampling.guidance.interval=[0.2,0.8],sampling.steps=7", "naive"], "demo", settings[-1:]
    )
    assert preset.loaded.name == "animate-anyone"
    assert switched.loaded.preset.sampling.guidance.interval == (0.2, 0.8)
    assert switched.loaded.preset.sampling.steps == 7
    assert (naive.naive, naive.loaded.preset) == (True, load_preset("demo", settings[-1:]).preset)


@pytest.mark.parametrize(
    ("texts", "kind", "hint"),
    [
        (["naive"], UsageError, "`--against engine"),
        (["engine", "naiv"], UsageError, "did you mean `naive`?"),
        (["engine", "quite else"], UsageError, "a switch is written as"),
        (["engine", "sampling.stepz=3"], PresetError, "did you mean `sampling.steps`?"),
    ],
)
def test_contenders_that_mean_nothing(texts, kind, hint):
    with pytest.raises(kind) as caught:
        read_contenders(texts, "demo", [])
    assert hint in caught.value.hint


def test_random_weights_leave_nothing_silent(tiny):
    model = random_model(tiny.preset.model, CPU, torch.float32)
    assert all(parameter.any() for parameter in model.parameters())


@pytest.mark.parametrize("name", ["demo", "hallo", "echomimic-v2", "animate-anyone", "cyberhost"])
def test_every_kind_of_preset_gets_a_clip_it_can_read(name):
    preset = load_preset(name).preset
    clip = random_clip(preset, 3, 0)
    assert clip.frames == 3
    assert clip.reference.picture.shape == (preset.picture.height, preset.picture.width, 3)
    assert (clip.reference.face_masks is not None) == (name == "hallo")
    assert (clip.driving is None) == (name in ("hallo", "cyberhost"))
    assert len(clip.reference.identity) == (preset.model.identity_features or 0)


@pytest.mark.gpu
def test_on_a_gpu(settings):
    report = measure(load_preset("demo", [*settings, "device.name=cuda"]), SECONDS, 1, silent)
    assert report.facts()["peak_of"] == "tensors on the GPU"
    assert 0 < report.peak_bytes < 1e9
