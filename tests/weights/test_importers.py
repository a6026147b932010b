"""Importers on small files that are laid out as the public ones; tables at full size."""

import pickle
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.blank import BlankModel
from cyberhost_cli.weights.catalogue import Entry, WeightsFile
from cyberhost_cli.weights.checkpoint import load_model
from cyberhost_cli.weights.digest import hash_content, hash_file
from cyberhost_cli.weights.header import read_header
from cyberhost_cli.weights.importers.accounting import account
from cyberhost_cli.weights.importers.convert import convert
from cyberhost_cli.weights.importers.recognition import recognise
from cyberhost_cli.weights.importers.sources import SOURCES, find
from tests.weights.public import (
    FILES,
    SMALL,
    UPSTREAM,
    PublicFile,
    autoencoder,
    small_config,
    small_shapes,
    tensors,
    write,
)

ECHO = "echomimic-v2"


def silent(done, total):
    pass


def publish(name, folder, dtype=torch.float16):
    """Write the files of a source into a folder; return their tensors by path."""
    torch.manual_seed(0)
    held = {file.path: tensors(file, name, dtype) for file in FILES[name]()}
    for path, values in held.items():
        write(folder / path, values)
    return held


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return the folder and the tensors of EchoMimicV2's files."""
    folder = tmp_path_factory.mktemp("published")
    return folder, publish(ECHO, folder)


@pytest.fixture
def echo(published, tmp_path):
    """Return a copy of EchoMimicV2's files that a test may change."""
    return shutil.copytree(published[0], tmp_path / "echo")


def run(name, paths, out, dtype=torch.float16, config=None, models=None, progress=silent):
    source = SOURCES[name]
    return convert(source, recognise(source, paths, models), config or small_config(name), out, dtype, progress)


def stored(path):
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.offset_keys()}


@pytest.fixture(scope="module", params=SOURCES)
def imported(request, tmp_path_factory):
    """Return each source's name, the folder of its files, their tensors, the checkpoint made of them and the report."""
    name, folder = request.param, tmp_path_factory.mktemp("imported")
    held = publish(name, folder / "files")
    return (
        name,
        folder / "files",
        held,
        folder / "out.safetensors",
        run(name, [folder / "files"], folder / "out.safetensors"),
    )


def test_every_tensor_lands_in_its_place(imported):
    name, _, held, out, done = imported
    found, filled = stored(out), set()
    for file in FILES[name]():
        for key, targets in file.layout.items():
            for target in targets:
                torch.testing.assert_close(found[target], held[file.path][key], rtol=0, atol=0)
                filled.add(target)
    assert sum(done.used.values()) == sum(len(file.layout) for file in FILES[name]())
    assert sum(done.dropped.values()) == sum(len(file.elsewhere) for file in FILES[name]())
    assert sum(done.fresh.values()) == len(found) - len(filled)
    assert found["autoencoder.latent_mean"].tolist() == [0.0] * 4
    torch.testing.assert_close(1 / found["autoencoder.latent_std"], torch.full((4,), 0.18215))
    assert found["hand_clarity_half"] == 0
    load_model(out, small_config(name))


def test_lineage(imported):
    name, folder, _, out, _ = imported
    header = read_header(out)
    lineage = header.lineage
    assert (lineage.stage, lineage.steps, lineage.trained) == ("imported", 0, name != "cyberhost")
    files = {f"{path.name}:{hash_file(path, bytes)}" for path in folder.rglob("*") if path.is_file()}
    assert {made.partition(":")[2] for made in lineage.made_from} == files
    assert header.sha256 == hash_content(out, bytes)
    if name == ECHO:
        assert lineage.licence == "echomimic-v2: Apache-2.0; sd-vae-ft-mse: MIT"


def test_a_start_for_training(imported, tmp_path):
    name, folder, _, out, done = imported
    if name != "cyberhost":
        return
    assert any(made.startswith("wav2vec2-base-960h:model.safetensors:") for made in read_header(out).lineage.made_from)
    assert done.dropped == {"wav2vec2, which stays where it is: `speech.encoder` reads it": 213}
    # Freshly made modules change nothing, and yet are no zeros throughout.
    regions = {key: tensor for key, tensor in stored(out).items() if ".region_modules." in key}
    zeros = {key for key, tensor in regions.items() if not tensor.any()}
    assert any(key.endswith("temporal_attention.to_out.0.weight") for key in zeros)
    assert not any(key.endswith(("latents", "mask_predictor.0.weight", "to_q.weight")) for key in zeros)
    run(name, [folder], tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == out.read_bytes()
    config = load_preset(name, [*SMALL, "model.audio.width=24", "model.motion.max_frames=48"]).preset.model
    done = run(name, [folder], tmp_path / "other.safetensors", config=config)
    assert done.dropped["keys and values of text, of another width than those of speech"] == 32
    assert done.fresh["keys and values of speech"] == 32
    assert done.dropped["positions of frames, in a table of another length"] == 42
    assert done.fresh["positions of frames"] == 42


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_dtypes(published, tmp_path, dtype):
    folder, held = published
    run(ECHO, [folder], tmp_path / "out.safetensors", dtype)
    found = stored(tmp_path / "out.safetensors")
    assert found["denoiser.conv_in.weight"].dtype == dtype
    torch.testing.assert_close(found["denoiser.conv_in.weight"], held["denoising_unet.pth"]["conv_in.weight"].to(dtype))
    assert found["autoencoder.latent_std"].dtype == torch.float32


@pytest.mark.parametrize("name", SOURCES)
def test_tables_at_full_size(name):
    source, ours = SOURCES[name], BlankModel(load_preset(name).preset.model).shapes
    files = {}
    for file in FILES[name]():
        shapes = {key: ours[targets[0]] for key, targets in file.layout.items()} | file.elsewhere
        part = next(part for part in source.parts if part.holds(shapes))
        assert part.name not in files
        assert file.path.endswith(part.files[0])
        files[part.name] = shapes
    accounted = account(source, files, ours)
    filled = [target for moves in accounted.moves.values() for targets in moves.values() for target in targets]
    assert sorted([*filled, *accounted.fresh]) == sorted(ours)


@pytest.mark.parametrize(
    ("name", "upstream"), [(ECHO, "echomimic_v2"), ("hallo", "hallo"), ("animate-anyone", "moore_animateanyone")]
)
def test_shapes_at_full_size_are_the_published_ones(name, upstream):
    keys = UPSTREAM[upstream]
    cond = "face_locator" if name == "hallo" else "cond_encoder"
    parts = {"denoising_unet": "denoiser", "reference_unet": "reference_net", cond: "denoiser.pose_encoder"}
    ours = BlankModel(load_preset(name).preset.model).shapes
    idle = re.compile(r"(down_blocks\.3|up_blocks\.0)\.motion_modules") if name == "hallo" else re.compile("(?!)")
    for part, prefix in parts.items():
        for key, shape in keys[part].items():
            assert idle.match(key) or ours[f"{prefix}.{key}"] == tuple(shape)


def change(path, edit):
    held = torch.load(path)
    edit(held)
    torch.save(held, path)


@pytest.fixture(scope="module")
def shapes():
    """Return the shapes of EchoMimicV2's files by part, and of our model, at the small size."""
    ours = small_shapes(ECHO)
    parts = {part.files[0]: part.name for part in SOURCES[ECHO].parts}
    held = FILES[ECHO]()
    return {
        parts[Path(file.path).name]: {key: ours[targets[0]] for key, targets in file.layout.items()} for file in held
    }, ours


SURPRISES = {
    "a key too many": (
        "motion modules",
        {f"extra.{number}": (1,) for number in range(7)},
        "7 keys `extra.0`, `extra.1`, `extra.2`, `extra.3`, `extra.4` and 2 more in the motion modules "
        "that no rule knows",
    ),
    "a key that our model lacks": (
        "Reference Net",
        {"conv_norm_out.weight": (8,)},
        "1 key `conv_norm_out.weight → reference_net.conv_norm_out.weight` in the Reference Net "
        "that our model has no place for",
    ),
    "a key too few": (
        "denoising U-Net",
        {"mid_block.resnets.0.norm1.bias": None},
        "1 key `denoiser.mid_block.resnets.0.norm1.bias` of our model that no file fills",
    ),
    "another shape": (
        "Pose Encoder",
        {"conv_in.bias": (9,)},
        "1 key `conv_in.bias [9], expected [4]` in the Pose Encoder of another shape",
    ),
    "a key by its old and its new name": (
        "autoencoder",
        {"encoder.mid_block.attentions.0.to_q.bias": (16,)},
        "1 key `encoder.mid_block.attentions.0.to_q.bias → autoencoder.kl.encoder.mid_block.attentions.0.to_q.bias` "
        "in the autoencoder whose place another key fills",
    ),
}


@pytest.mark.parametrize(("part", "changes", "message"), SURPRISES.values(), ids=list(SURPRISES))
def test_surprises(shapes, part, changes, message):
    files, ours = shapes
    changed = {key: shape for key, shape in (files[part] | changes).items() if shape is not None}
    with pytest.raises(CheckpointError) as refused:
        account(SOURCES[ECHO], files | {part: changed}, ours)
    assert refused.value.message == message
    assert "as they were published" in refused.value.hint


def test_a_surprise_leaves_no_file(echo, tmp_path):
    change(echo / "motion_module.pth", lambda held: held.update({"extra": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match="1 key `extra` in the motion modules"):
        run(ECHO, [echo], tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_wrapped_as_training_code_does(echo, tmp_path):
    path = echo / "motion_module.pth"
    wrapped = {"state_dict": {f"module.{key}": value for key, value in torch.load(path).items()}, "global_step": 5}
    torch.save(wrapped, path)
    run(ECHO, [echo], tmp_path / "out.safetensors")


def test_files_in_any_order_and_under_other_names(echo, tmp_path):
    files = sorted((path for path in echo.rglob("*") if path.is_file()), reverse=True)
    renamed = [path.rename(path.with_name(f"{number}.bin")) for number, path in enumerate(files)]
    run(ECHO, renamed, tmp_path / "out.safetensors")


def test_one_part_twice(echo, tmp_path):
    shutil.copy(echo / "denoising_unet.pth", tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"`.*/other\.pth` and `.*/denoising_unet\.pth` both hold the denoising U-Net"):
        run(ECHO, [tmp_path / "other.pth", echo], tmp_path / "out.safetensors")


def test_one_file_named_twice_and_in_its_folder(echo, tmp_path):
    (tmp_path / "link.pth").symlink_to(echo / "pose_encoder.pth")
    path = echo / "pose_encoder.pth"
    run(ECHO, [echo, path, tmp_path / "link.pth", path, echo], tmp_path / "out.safetensors")


def test_a_named_file_of_something_else_within_a_named_folder(echo, tmp_path):
    (echo / "old").mkdir()
    torch.save({"one": torch.zeros(1)}, echo / "old/pose_encoder.pth")
    run(ECHO, [echo], tmp_path / "out.safetensors")
    with pytest.raises(CheckpointError, match=r"old/pose_encoder\.pth` is no part of `echomimic-v2`"):
        run(ECHO, [echo, echo / "old/pose_encoder.pth"], tmp_path / "other.safetensors")


def test_the_order_of_paths_changes_nothing(echo, tmp_path):
    files = sorted(path for path in echo.rglob("*") if path.is_file())
    run(ECHO, files, tmp_path / "one.safetensors")
    run(ECHO, files[::-1], tmp_path / "other.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()


def test_links_to_folders_are_followed(echo, tmp_path):
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "models").symlink_to(echo)
    run(ECHO, [folder], tmp_path / "out.safetensors")


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_is_read_is_not_written_over(echo, tmp_path, linked):
    path = out = echo / "sd-vae-ft-mse/diffusion_pytorch_model.safetensors"
    before = path.read_bytes()
    if linked:
        out = tmp_path / "out.safetensors"
        out.symlink_to(path)
    with pytest.raises(UsageError, match="is the autoencoder that is read, and would be overwritten"):
        run(ECHO, [echo], out)
    assert path.read_bytes() == before


def test_a_file_of_something_else(echo, tmp_path):
    torch.save({"one": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth` is no part of `echomimic-v2`: it holds 1 key `one`"):
        run(ECHO, [echo, tmp_path / "other.pth"], tmp_path / "out.safetensors")


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(UsageError, match="holds no file of `echomimic-v2`") as refused:
        run(ECHO, [tmp_path], tmp_path / "out.safetensors")
    assert "`denoising_unet.pth`" in refused.value.hint


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="there is no `nowhere`"):
        run(ECHO, [Path("nowhere")], tmp_path / "out.safetensors")


def test_a_lacking_part_is_named_with_the_way_to_it(echo, tmp_path):
    shutil.rmtree(echo / "sd-vae-ft-mse")
    with pytest.raises(CheckpointError, match="`echomimic-v2` lacks its autoencoder") as refused:
        run(ECHO, [echo], tmp_path / "out.safetensors", models=tmp_path / "models")
    assert f"`cyberhost weights fetch sd-vae-ft-mse --to {tmp_path}/models`" in refused.value.hint


def test_a_lacking_part_whose_sibling_was_seen(echo, tmp_path):
    (echo / "denoising_unet.pth").rename(echo / "denoising_unet_acc.pth")
    with pytest.raises(CheckpointError, match="`echomimic-v2` lacks its denoising U-Net") as refused:
        run(ECHO, [echo], tmp_path / "out.safetensors", models=tmp_path / "models")
    assert refused.value.hint.endswith(f"; `{echo}/denoising_unet_acc.pth` is that of `echomimic-v2-fast`")


def test_from_what_was_fetched(echo, tmp_path, monkeypatch):
    def entry(name, *files):
        return Entry(name, "for tests", "MIT", "a/b", "c" * 40, tuple(files))

    def listed(path):
        return WeightsFile(path.name, path.stat().st_size, hash_file(path, bytes))

    models = tmp_path / "models"
    shutil.move(echo / "sd-vae-ft-mse", models / "sd-vae-ft-mse")
    shutil.move(echo, models / ECHO)
    entries = [entry(folder.name, *map(listed, folder.iterdir())) for folder in models.iterdir()]
    monkeypatch.setattr(catalogue, "ENTRIES", tuple(entries))
    run(ECHO, [], tmp_path / "out.safetensors", models=models)
    assert read_header(tmp_path / "out.safetensors").lineage.licence == "echomimic-v2: MIT; sd-vae-ft-mse: MIT"


class Trap:
    """What calls a function when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_code_in_a_pickle_is_not_run(echo, tmp_path):
    sprung = tmp_path / "sprung"
    change(echo / "pose_encoder.pth", lambda held: held.update({"conv_in.bias": Trap(sprung)}))
    with pytest.raises(CheckpointError, match=r"`.*/pose_encoder\.pth` holds more than tensors: it would run code"):
        run(ECHO, [echo], tmp_path / "out.safetensors")
    assert not sprung.exists()
    # It is a trap indeed.
    torch.load(echo / "pose_encoder.pth", weights_only=False)
    assert sprung.exists()


def test_pickles_of_the_old_kind(echo, tmp_path):
    path = echo / "pose_encoder.pth"
    torch.save(torch.load(path), path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"a pickle as torch wrote them before version 1\.6"):
        run(ECHO, [echo], tmp_path / "out.safetensors")


@pytest.mark.parametrize("name", ["pose_encoder.pth", "sd-vae-ft-mse/diffusion_pytorch_model.safetensors"])
def test_files_that_are_cut_off(echo, tmp_path, name):
    path = echo / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=r"damaged|neither safetensors"):
        run(ECHO, [echo], tmp_path / "out.safetensors")


def test_files_that_hold_other_things(echo, tmp_path):
    torch.save([1, 2], echo / "pose_encoder.pth")
    with pytest.raises(CheckpointError, match="holds other things than tensors by name"):
        run(ECHO, [echo], tmp_path / "out.safetensors")


def quantised():
    return torch._empty_affine_quantized((4,), scale=0.1, zero_point=0, dtype=torch.qint8)


ODD = {
    "a number for a name": {3: torch.zeros(1)},
    "sparse": {"conv_in.bias": torch.zeros(4).to_sparse()},
    "quantised": {"conv_in.bias": quantised},
    "no values": {"conv_in.bias": torch.zeros(4, device="meta")},
    "complex": {"conv_in.bias": torch.zeros(4, dtype=torch.complex64)},
    "whole numbers": {"conv_in.bias": torch.zeros(4, dtype=torch.int64)},
}


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning", "ignore:TypedStorage:UserWarning")
@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_tensors_that_are_no_plain_weights(echo, tmp_path, odd):
    made = {key: value() if callable(value) else value for key, value in odd.items()}
    change(echo / "pose_encoder.pth", lambda held: held.update(made))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(CheckpointError, match=rf"holds more than plain weights: `{next(iter(odd))}`"):
            run(ECHO, [echo], tmp_path / "out.safetensors")
    assert not warned
    assert not (tmp_path / "out.safetensors").exists()


def test_a_pickle_named_as_safetensors(echo, tmp_path):
    path = (echo / "pose_encoder.pth").rename(echo / "pose_encoder.safetensors")
    with pytest.raises(CheckpointError, match="a pickle of torch, named as if it were safetensors"):
        run(ECHO, [echo, path], tmp_path / "out.safetensors")


def test_a_pickle_that_torch_did_not_write(echo, tmp_path):
    (echo / "pose_encoder.pth").write_bytes(pickle.dumps({"conv_in.weight": 1}))
    with pytest.raises(CheckpointError, match="a pickle as torch wrote them before"):
        run(ECHO, [echo], tmp_path / "out.safetensors")


def test_values_that_do_not_fit(echo, tmp_path):
    change(echo / "pose_encoder.pth", lambda held: held.update({"conv_in.bias": torch.full((4,), 1e6)}))
    with pytest.raises(CheckpointError, match="too large for float16") as refused:
        run(ECHO, [echo], tmp_path / "out.safetensors")
    assert "--dtype bfloat16" in refused.value.hint
    run(ECHO, [echo], tmp_path / "out.safetensors", torch.bfloat16)
    large = torch.full((4,), 1e39, dtype=torch.float64)
    change(echo / "pose_encoder.pth", lambda held: held.update({"conv_in.bias": large}))
    with pytest.raises(CheckpointError, match="too large for bfloat16") as refused:
        run(ECHO, [echo], tmp_path / "out.safetensors", torch.bfloat16)
    assert refused.value.hint.startswith("no `--dtype` holds them")
    change(echo / "pose_encoder.pth", lambda held: held.update({"conv_in.bias": torch.full((4,), float("nan"))}))
    with pytest.raises(CheckpointError, match="values that are no numbers"):
        run(ECHO, [echo], tmp_path / "out.safetensors", torch.bfloat16)


def test_views_of_one_flat_buffer(echo, tmp_path):
    """As DeepSpeed leaves them: EchoMimicV2's encoder of poses is published with a gigabyte of others' values."""
    held = torch.load(echo / "pose_encoder.pth")
    flat = torch.cat([torch.ones(100_000).half(), *(value.flatten() for value in held.values())])
    place = 100_000
    for key, value in held.items():
        held[key] = flat[place : place + value.numel()].view(value.shape)
        place += value.numel()
    torch.save(held, echo / "pose_encoder.pth")
    assert (echo / "pose_encoder.pth").stat().st_size > 200_000
    run(ECHO, [echo], tmp_path / "out.safetensors")
    found = stored(tmp_path / "out.safetensors")
    for key, value in held.items():
        assert torch.equal(found[f"denoiser.pose_encoder.{key}"], value)


MEMORY = """
import resource, sys
from pathlib import Path
import torch
from cyberhost_cli.config.load import load_preset
from cyberhost_cli.weights.importers.convert import convert
from cyberhost_cli.weights.importers.recognition import recognise
from cyberhost_cli.weights.importers.sources import SOURCES
from tests.weights.public import SMALL
source, folder = SOURCES["echomimic-v2"], Path(sys.argv[1])
config = load_preset("echomimic-v2", [*SMALL, WIDTHS]).preset.model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = convert(source, recognise(source, [folder], None), config, folder / "out.safetensors", torch.float16, print)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory(tmp_path):
    """At full size the largest file has 1.7 GB and the peak is 1.0 GB, of which 0.4 are the program."""
    widths = "model.backbone.widths=[96,192,384,384]"
    ours = BlankModel(load_preset(ECHO, [*SMALL, widths]).preset.model).shapes
    for file in FILES[ECHO]():
        write(tmp_path / file.path, {key: torch.zeros(ours[target]) for key, (target,) in file.layout.items()})
    largest = max(path.stat().st_size for path in tmp_path.rglob("*"))
    code = MEMORY.replace("WIDTHS", repr(widths))
    root = Path(__file__).parent.parent.parent
    process = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=root, capture_output=True, text=True, check=True
    )
    grown = int(process.stdout.splitlines()[-1]) * 1024
    assert largest > 300_000_000
    assert grown < 1.3 * largest


def test_an_import_that_is_stopped_leaves_nothing(published, tmp_path):
    def stop(done, total):
        if done > 0.9 * total:
            assert any(tmp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ECHO, [published[0]], tmp_path / "out.safetensors", progress=stop)
    assert not any(tmp_path.iterdir())


def test_progress_goes_from_nothing_to_all(published, tmp_path):
    told = []
    run(ECHO, [published[0]], tmp_path / "out.safetensors", progress=lambda done, total: told.append((done, total)))
    assert len({total for _, total in told}) == 1
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


def test_an_unknown_source_names_the_nearest():
    with pytest.raises(CheckpointError, match="nothing named `echomimic` can be imported") as refused:
        find("echomimic")
    assert refused.value.hint == "did you mean `echomimic-v2`?"


def test_sources_name_what_must_be_fetched():
    assert SOURCES["echomimic-v2-fast"].entries == ("echomimic-v2-fast", "echomimic-v2", "sd-vae-ft-mse")
    known = {entry.name: entry for entry in catalogue.ENTRIES}
    for source in SOURCES.values():
        for part in source.parts:
            assert part.files[0] in {file.name for file in known[part.entry].files}
    assert isinstance(autoencoder(), PublicFile)
