import sys

import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.pipelines import needs


@pytest.fixture(autouse=True)
def _bare(tmp_path, monkeypatch):
    """Make this a machine without weights of others."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def told(name, parts, *overrides):
    found = needs.lacks(load_preset(name, overrides), parts)
    return [lack.what for lack in found], needs.remedy(found)


def test_nothing_is_lacking(preset):
    assert needs.lacks(preset, needs.ALL) == []
    needs.require(preset, needs.ALL)


def test_only_what_is_used_is_asked_for():
    assert told("base", ("picture", "speech")) == ([], "")
    assert needs.to_generate(None) == ("model",)
    assert len(told("echomimic-v2", ("model",))[0]) == 1
    assert len(told("echomimic-v2", ("speech",))[0]) == 1
    assert told("echomimic-v2", ("picture",))[0] == []


def test_every_command_is_given_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    monkeypatch.setitem(sys.modules, "insightface", None)
    found, remedy = told("cyberhost", needs.ALL, "detection.detector=dwpose", "store.models=models")
    assert len(found) == 6
    assert remedy == (
        "`python -m pip install 'cyberhost[dwpose,insightface]'`, then "
        "`cyberhost weights fetch stable-diffusion-v1-5 sd-vae-ft-mse animatediff wav2vec2-base-960h dwpose buffalo_l "
        "--to models`, then `cyberhost weights import cyberhost --in models` for a start, to be trained with "
        "`cyberhost train` before it can generate"
    )


def test_weights_that_belong_elsewhere_are_imported_there():
    found, remedy = told("echomimic-v2", ("model",), "checkpoint=here/echomimic-v2.safetensors")
    assert found == ["its weights `here/echomimic-v2.safetensors` are not there"]
    assert remedy.endswith("`cyberhost weights import echomimic-v2 -o here/echomimic-v2.safetensors`")


def test_weights_of_ones_own_are_trained():
    found, remedy = told("demo", ("model",), "checkpoint=run/model.safetensors")
    assert found == ["its weights `run/model.safetensors` are not there"]
    assert remedy.startswith("train them")


def test_what_is_no_checkpoint_is_told_as_it_is(tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_text("not weights", encoding="utf-8")
    found, _ = told("demo", ("model",), f"checkpoint={path}")
    assert found == [f"`{path}` is not a safetensors file"]


def test_all_is_told_at_once():
    with pytest.raises(CheckpointError, match=r"^preset `base` cannot run: it has no weights$"):
        needs.require(load_preset("base"), needs.ALL)
    with pytest.raises(CheckpointError, match=r"hallo\.safetensors` are not there; .*antelopev2.*; .*wav2vec2"):
        needs.require(load_preset("hallo"), needs.ALL)


def test_what_sees_the_whole_picture_is_asked_for(tmp_path):
    models = ("detection.embedder=clip", f"store.models={tmp_path}")
    found, remedy = told("base", ("picture",), *models)
    assert found == ["the weights `clip-image-encoder` (1216 MB, CreativeML OpenRAIL-M) are not on this machine"]
    assert remedy == f"`cyberhost weights fetch clip-image-encoder --to {tmp_path}`"
    (tmp_path / "clip-image-encoder").mkdir()
    (tmp_path / "clip-image-encoder" / "config.json").write_text("{}", encoding="utf-8")
    (found,), _ = told("base", ("picture",), *models)
    assert found.endswith(
        f"are not whole: `{tmp_path / 'clip-image-encoder' / 'config.json'}` has 2 bytes, expected 703"
    )


def test_weights_of_another_model_are_told_at_once(weights):
    found, remedy = told("echomimic-v2", ("model",), f"checkpoint={weights}")
    assert len(found) == 1
    assert "holds another model than the preset describes" in found[0]
    assert "use the preset" in remedy


def test_what_cannot_be_fetched_is_downloaded_by_hand(tmp_path):
    _, remedy = told("hallo", ("model",), f"checkpoint={tmp_path / 'hallo.safetensors'}")
    assert remedy.startswith("`cyberhost weights fetch sd-vae-ft-mse`, then download `net.pth` of https://")
    assert f"`cyberhost weights import hallo FOLDER -o {tmp_path / 'hallo.safetensors'}`" in remedy
