import pytest
import torch
from safetensors.torch import load_file

from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.training.loop import train
from cyberhost_cli.training.start import NOBODYS, begin
from cyberhost_cli.weights.checkpoint import load_model
from cyberhost_cli.weights.header import Ancestor, read_header
from tests.training.line import quiet
from tests.training.prepared import dataset_of, loaded

SHORT = ("training.steps=3", "training.workers=0", "training.batch=2", "device.name=cpu")
STAGES = ("autoencoder", "pairs", "clips", "distillation")


@pytest.fixture(scope="module")
def data(tmp_path_factory, clips_folder):
    folder = tmp_path_factory.mktemp("data") / "dataset"
    dataset_of(clips_folder, folder, loaded("clips"))
    return folder


@pytest.fixture(scope="module")
def stages(tmp_path_factory, data):
    """All stages one after the other, and what they left."""
    folder, start = tmp_path_factory.mktemp("stages"), None
    for kind in STAGES:
        start = train(loaded(kind, *SHORT), data, folder / kind, start, quiet)
    return {kind: folder / kind / "model.safetensors" for kind in STAGES}


def test_four_stages_make_a_model_that_may_generate(stages):
    lineages = {kind: read_header(path).lineage for kind, path in stages.items()}
    assert [kind for kind in STAGES if lineages[kind].trained] == ["clips", "distillation"]
    last = lineages["distillation"]
    assert (last.stage, last.steps, last.data, last.made_from) == ("distillation", 3, "2 clips of `dataset`", ())
    assert last.licence == NOBODYS
    assert last.effort.hardware == f"cpu, {torch.get_num_threads()} thread" + "s" * (torch.get_num_threads() > 1)
    assert 0 <= last.effort.hours < 0.1
    assert last.effort.seeds == "41 (2 clips)"
    assert last.history == tuple(
        Ancestor(kind, 3, "2 clips of `dataset`", lineages[kind].effort, read_header(stages[kind]).sha256)
        for kind in STAGES[:3]
    )
    load_model(stages["distillation"], loaded("distillation").preset.model)


def test_a_distillation_goes_on_with_its_teacher(stages, data, tmp_path):
    preset, teacher = loaded("distillation", *SHORT, "training.save_every=1"), stages["clips"]
    train(preset, data, tmp_path / "straight", teacher, quiet)
    shorter = loaded("distillation", *SHORT, "training.save_every=1", "training.steps=2")
    train(shorter, data, tmp_path / "halves", teacher, quiet)
    for other in (None, stages["pairs"]):
        with pytest.raises(UsageError, match="goes on with the teacher"):
            train(preset, data, tmp_path / "halves", other, quiet)
    train(preset, data, tmp_path / "halves", teacher, quiet)
    one, two = (read_header(tmp_path / name / "model.safetensors") for name in ("straight", "halves"))
    assert one.sha256 == two.sha256
    assert one.lineage.history == two.lineage.history


def test_a_run_that_ended_can_be_made_longer(stages, data):
    steps = []
    preset = loaded("autoencoder", *SHORT, "training.steps=5")
    train(preset, data, stages["autoencoder"].parent, None, lambda step, total, _: steps.append((step, total)))
    assert steps == [(4, 5), (5, 5)]


def test_only_the_autoencoder_changes(data, tmp_path):
    preset = loaded("autoencoder", *SHORT)
    after = load_model(train(preset, data, tmp_path, None, quiet)).state_dict()
    torch.manual_seed(preset.preset.training.seed)
    fresh = CyberHost(preset.preset.model).state_dict()
    changed = {name.split(".")[0] for name in fresh if not torch.equal(fresh[name].half().float(), after[name])}
    assert changed == {"autoencoder"}


def test_next_stage_takes_the_autoencoder_alone(stages, tmp_path):
    other = loaded("pairs", "model.motion.enabled=false").preset
    model = begin(other, tmp_path, stages["autoencoder"]).model
    source = load_model(stages["autoencoder"]).autoencoder.state_dict()
    assert all(torch.equal(each, source[name]) for name, each in model.autoencoder.state_dict().items())
    assert not model.config.motion.enabled


def test_another_autoencoder_does_not_fit(stages, tmp_path):
    with pytest.raises(CheckpointError, match=r"autoencoder\.widths"):
        begin(loaded("pairs", "model.autoencoder.widths=[8,16,8]").preset, tmp_path, stages["autoencoder"])


def test_later_stages_want_a_beginning(data, tmp_path):
    with pytest.raises(UsageError, match="starts from a trained autoencoder"):
        train(loaded("pairs", *SHORT), data, tmp_path, None, quiet)


def test_models_that_read_masks_of_the_face_are_not_trained(data, tmp_path):
    with pytest.raises(UsageError, match="masks of the face"):
        train(loaded("clips", "model.audio.place=modules"), data, tmp_path / "run", None, quiet)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_sixteen_bits_learn_about_the_same(stages, data, tmp_path, device):
    short = loaded("clips", *SHORT, f"device.name={device}", "training.precision=bfloat16", "training.workers=1")
    path = train(short, data, tmp_path, stages["pairs"], quiet)
    found, exact = (load_file(each.parent / "state-00000003.safetensors") for each in (path, stages["clips"]))
    assert all(each.dtype == exact[name].dtype for name, each in found.items())
    moved = torch.cat([(found[name] - exact[name]).flatten() for name in exact if name.startswith("model.")])
    whole = torch.cat([each.flatten() for name, each in exact.items() if name.startswith("model.")])
    assert 0 < moved.norm() / whole.norm() < 0.05


def test_a_model_may_be_taught_further_maps(stages, tmp_path):
    more = loaded("clips", "model.priors.maps=[movement,hands]", "training.hand_poses=1").preset
    model, before = begin(more, tmp_path, stages["clips"]).model, load_model(stages["clips"])
    assert model.config == more.model
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), before.parameters(), strict=True))
    for others in ("body", "hands,body", ""):
        with pytest.raises(CheckpointError, match=r"`model\.priors\.maps` is"):
            begin(loaded("clips", f"model.priors.maps=[{others}]").preset, tmp_path, stages["clips"])
