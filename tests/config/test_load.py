import pytest
import yaml

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import PresetError


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write presets into a folder that `$CYBERHOST_PRESETS` names."""
    monkeypatch.setenv("CYBERHOST_PRESETS", str(tmp_path))

    def write(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problem(name="demo", *overrides):
    with pytest.raises(PresetError) as caught:
        load_preset(name, overrides)
    return caught.value.message, caught.value.hint


def test_extends_recursively(own):
    own("first", "extends: demo\ndescription: first\nsampling: {steps: 5}\n")
    own("second", "extends: first\ndescription: second\nmodel: {backbone: {widths: [32, 32, 32]}}\n")
    preset = load_preset("second").preset
    demo = load_preset("demo").preset
    assert (preset.description, preset.sampling.steps) == ("second", 5)
    assert preset.sampling.chunk_frames == demo.sampling.chunk_frames
    assert preset.model.backbone.widths == (32, 32, 32)
    assert preset.model.backbone.attention == demo.model.backbone.attention


def test_extends_a_path_beside_the_file(own, tmp_path):
    folder = tmp_path / "deeper"
    folder.mkdir()
    own("base-of-mine", "extends: demo\nfps: 30\n")
    (folder / "mine.yaml").write_text("extends: ../base-of-mine.yaml\n", encoding="utf-8")
    assert load_preset(str(folder / "mine.yaml")).preset.fps == 30


def test_circle(own):
    own("one", "extends: two\n")
    own("two", "extends: one\n")
    message, hint = problem("one")
    assert message == "presets extend each other in a circle: `one` → `two` → `one`"
    assert hint.startswith("change `extends` in ")


def test_checkpoint_lies_beside_the_file_that_states_it(own, tmp_path, monkeypatch):
    own("inherits", "extends: demo\n")
    own("states", "extends: demo\ncheckpoint: weights.safetensors\n")
    demo = load_preset("demo")
    assert demo.checkpoint.parts[-3:] == ("presets", "demo", "model.safetensors")
    assert load_preset("inherits").checkpoint == demo.checkpoint
    assert load_preset("states").checkpoint == tmp_path / "weights.safetensors"
    assert load_preset("base").checkpoint is None
    monkeypatch.chdir(tmp_path)
    assert load_preset("states", ["checkpoint=run/model.safetensors"]).checkpoint.resolve() == (
        tmp_path / "run" / "model.safetensors"
    )


def test_checkpoint_in_the_users_home(own, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    own("mine", "extends: demo\ncheckpoint: ~/weights.safetensors\n")
    assert str(load_preset("mine").checkpoint) == "/somewhere/weights.safetensors"
    assert str(load_preset("demo", ["checkpoint=~/w.safetensors"]).checkpoint) == "/somewhere/w.safetensors"


def test_overrides_are_yaml_and_the_last_one_wins():
    overrides = ["sampling.steps=3", "sampling.steps=4", "picture.person=2", "sampling.guidance={audio: 2}"]
    preset = load_preset("demo", [*overrides, "training.learning_rate=2e-5"]).preset
    assert (preset.sampling.steps, preset.picture.person, preset.training.learning_rate) == (4, 2, 2e-5)
    assert (preset.sampling.guidance.audio, preset.sampling.guidance.reference) == (2, 1)


def test_a_shown_preset_loads_as_itself(tmp_path):
    preset = load_preset("demo").preset
    path = tmp_path / "copy.yaml"
    path.write_text(yaml.safe_dump(preset.model_dump(mode="json")), encoding="utf-8")
    assert load_preset(str(path)).preset == preset


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampling.steps=-3", "sampling.steps: expected a number greater than 0, found -3"),
        ("sampling.steps=many", 'sampling.steps: expected a whole number, found "many"'),
        ("sampling.steps=", "sampling.steps: expected a whole number, found null"),
        ("sampling=3", "sampling: expected a mapping, found 3"),
        ("output.crf=99", "output.crf: expected a number of at most 51, found 99"),
        ("fps=.nan", "fps: expected a finite number, found NaN"),
        ("model.audio.scale=.inf", "model.audio.scale: expected a finite number, found Infinity"),
        ("device.name=gpu", 'device.name: expected "auto", "cpu" or "cuda", found "gpu"'),
        ("picture.person=left", 'picture.person: expected "largest" or "centred" or a whole number, found "left"'),
        ("model.backbone.widths=[32, a]", 'model.backbone.widths.1: expected a whole number, found "a"'),
        ("model.priors.hand_clarity_score=3", "model.priors.hand_clarity_score: expected true or false, found 3"),
        ("sampling.overlap=7", "sampling.overlap: expected at most 4, half of chunk_frames, found 7"),
        (
            "model.motion.frames=7",
            "sampling.chunk_frames: expected at least 9, sampling.overlap plus model.motion.frames, found 8",
        ),
        (
            "sampling.chunk_frames=31",
            "sampling.chunk_frames: expected at most 30, model.motion.max_frames less model.motion.frames, found 31",
        ),
        ("sampling.steps=1001", "sampling.steps: expected at most model.diffusion.train_steps (1000), found 1001"),
        (
            "sampling.solver=ddim",
            "sampling.spacing: expected 1 with the solver ddim, only lcm takes another, found 1.3",
        ),
        ("speech.features=40", "model.audio.features: expected speech.features (40), found 80"),
        (
            "speech.window=1",
            "model.audio.vectors: expected 12, which is "
            "(2 * speech.window + 1) * speech.steps_per_frame * speech.layers, found 20",
        ),
        (
            "training.body_poses=0.5",
            "training.body_poses: expected 0 without body in model.priors.maps, found 0.5",
        ),
        ("model.priors.maps=[body, body]", "model.priors.maps: expected each map once, found body, body"),
        ("model.priors.maps=[face, body]", "model.priors.maps: expected nothing beside face, found face, body"),
        (
            "model.motion.levels=[true]",
            "model.motion.levels: expected 3 entries as in backbone.widths, found 1",
        ),
        (
            "model.prompt.enabled=true",
            "model.audio.place: expected modules where prompt.enabled, which takes the cross-attention, found it too",
        ),
        (
            "model.prompt.projected=false",
            "model.prompt.tokens: expected 1 as wide as features where projected is false, found 4 of 768",
        ),
        (
            "model.audio.projected=false",
            "model.audio.tokens: expected 20 of width 80, as vectors, where projected is false, found 4 of width 64",
        ),
        (
            "model.regions.face.identity_features=512",
            "detection.embedder: expected one, since the model reads the identity of the face, found None",
        ),
        ("sampling.plan=sequential", "sampling.shift: expected 0 without windows, found 3"),
        ("detection.faces=insightface", "detection.embedder: expected arcface beside faces, found None"),
        ("picture.height=136", "picture.height: expected a multiple of 16, the coarsest step of the model, found 136"),
        (
            "model.backbone.heads=3",
            "model.backbone.heads: expected a divisor of every entry of widths (32, 64, 128), found 3",
        ),
        (
            "model.motion.heads=5",
            "model.motion.heads: expected a divisor of every entry of backbone.widths (32, 64, 128), found 5",
        ),
        (
            "model.autoencoder.norm_groups=5",
            "model.autoencoder.norm_groups: expected a divisor of every entry of widths (16, 32, 64), found 5",
        ),
        (
            "model.regions.levels=[true, true, true]",
            "model.regions.levels: expected true only where backbone.attention is, found true at 0 as well",
        ),
        (
            "model.regions.face.spatial_latents=65",
            "model.regions.face.spatial_latents: expected at most 64, the narrowest level of theirs, found 65",
        ),
        ("model.regions.levels=[true]", "model.regions.levels: expected 3 entries as in backbone.widths, found 1"),
        ("model.backbone.attention=[true]", "model.backbone.attention: expected 3 entries as in widths, found 1"),
        ("speech.min_seconds=9999", "speech.min_seconds: expected less than max_seconds, found 9999.0"),
    ],
)
def test_values_that_do_not_fit(override, message):
    found, hint = problem("demo", override)
    assert found == message
    assert hint.startswith("correct it with `--set`, or in `")


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("sampling.stepz=3", "sampling.stepz: no such key", "did you mean `sampling.steps`?"),
        (
            "steps=3",
            "steps: no such key",
            "did you mean `sampling.steps` or `training.steps` or `training.distillation.steps`?",
        ),
        (
            "sampling.guidance={sound: 3}",
            "sampling.guidance.sound: no such key",
            "did you mean `sampling.guidance.audio`?",
        ),
        ("xyz=3", "xyz: no such key", "see `cyberhost presets show base`"),
        ("sampling.steps", "cannot set `sampling.steps`: no `=` in it", "write `--set sampling.steps=12`"),
        ("fps=[", "fps: `[` is not YAML", "quote the value, as in `--set 'key=\"a: b\"'`"),
    ],
)
def test_overrides_that_cannot_be_understood(override, message, hint):
    assert problem("demo", override) == (message, hint)


def test_unknown_preset_names_the_nearest():
    assert problem("dmeo") == ("no preset named `dmeo`", "did you mean `demo`?")
    assert problem("nowhere.yaml")[0] == "no preset at `nowhere.yaml`"


def test_unknown_key_in_a_file(own):
    own("mine", "extends: demo\npicture: {widht: 128}\n")
    assert problem("mine") == ("picture.widht: no such key", "did you mean `picture.width`?")


def test_a_preset_that_states_too_little(own):
    path = own("mine", "description: alone\n")
    message, hint = problem("mine")
    assert message.startswith("checkpoint: missing; fps: missing; picture: missing; and ")
    assert hint == f"state it in `{path}`, or extend a preset that does, as `base`"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "is not YAML: "),
        ("", "holds no settings"),
        ("- 1\n", "holds no settings"),
        ("extends: [demo]\n", "extends: expected the name of one preset, found ['demo']"),
        ("extends: dmeo\n", "no preset named `dmeo`"),
    ],
)
def test_files_that_are_no_presets(own, text, message):
    own("mine", text)
    found = problem("mine")[0]
    assert message in found
    assert "\n" not in found


def test_not_text(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not YAML" in problem(str(path))[0]


def test_presets_of_more_and_less_quality_differ_in_how_they_sample_alone():
    demo, steps = load_preset("demo").preset, []
    for name in ("draft", "standard", "best"):
        preset = load_preset(name).preset
        sampling = preset.sampling
        steps.append(sampling.steps)
        freely = ("steps", "solver", "guidance", "plan", "shift")
        as_in_demo = {name: getattr(demo.sampling, name) for name in freely}
        same = preset.model_copy(
            update={"description": demo.description, "sampling": sampling.model_copy(update=as_in_demo)}
        )
        assert same == demo
    assert steps == sorted(steps)
