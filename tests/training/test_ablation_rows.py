import pytest

from cyberhost_cli.errors import UsageError
from cyberhost_cli.training.ablation_rows import LOCAL_LOSSES, ROWS, SCORES, choose_rows, vary
from cyberhost_cli.weights.blank import BlankModel
from tests.training.prepared import SETTINGS

CLIPS = (*SETTINGS, "training.stage=clips")
PARTS = {
    "no-latents": ("_bank.", "spatial_attention.", "temporal_attention."),
    "no-identity": ("identity_attention.", "face_encoder.", "hand_encoder."),
    "no-movement": ("denoiser.pose_encoder.",),
    "no-clarity": ("clarity",),
    "no-pose-align": ("pose_encoder.",),
}


def row(name):
    return choose_rows([name])[0]


@pytest.fixture(scope="module")
def full():
    return BlankModel(vary("demo", CLIPS, row("full")).loaded.preset.model).shapes


@pytest.mark.parametrize("name", PARTS)
def test_a_variant_lacks_its_part_and_nothing_else(full, name):
    variant = vary("demo", CLIPS, row(name))
    assert variant.lacking is None
    found = BlankModel(variant.loaded.preset.model).shapes
    gone = full.keys() - found.keys()
    assert gone
    assert all(any(part in each for part in PARTS[name]) for each in gone)
    assert found == {each: shape for each, shape in full.items() if each not in gone}


def test_without_local_supervision_the_model_is_the_same():
    whole, variant = vary("demo", CLIPS, row("full")), vary("demo", CLIPS, row("no-local-supervision"))
    assert variant.loaded.preset.model == whole.loaded.preset.model
    loss = variant.loaded.preset.training.loss
    assert not any(getattr(loss, part) for part in LOCAL_LOSSES)
    # What else the losses say stays.
    kept = loss.model_copy(update={part: getattr(whole.loaded.preset.training.loss, part) for part in LOCAL_LOSSES})
    assert kept == whole.loaded.preset.training.loss


@pytest.mark.parametrize("score", SCORES)
def test_scores_are_told_at_inference_alone(score):
    whole, variant = vary("demo", CLIPS, row("full")), vary("demo", CLIPS, row(f"clarity-{score}"))
    assert not variant.row.trained
    assert variant.loaded.preset.conditions.clarity == SCORES[score]
    same = variant.loaded.preset.model_copy(update={"conditions": whole.loaded.preset.conditions})
    assert same == whole.loaded.preset


@pytest.mark.parametrize(
    ("name", "setting", "reason"),
    [
        ("no-latents", "model.regions.latents_bank=false", "no latents bank"),
        ("no-latents", "model.regions.levels=[false,false]", "no Region Attention Modules"),
        ("no-identity", "model.regions.identity_descriptor=false", "no identity descriptor"),
        ("no-movement", "model.priors.maps=[hands]", "no body movement map"),
        ("no-movement", "model.priors.maps=[movement,body]", "only whole poses"),
        ("no-clarity", "model.priors.hand_clarity_score=false", "no hand clarity score"),
        ("clarity-low", "model.priors.hand_clarity_score=false", "no hand clarity score"),
        ("no-pose-align", "model.priors.pose_aligned_reference=false", "no pose-aligned reference"),
    ],
)
def test_what_a_model_lacks_is_not_taken_from_it(name, setting, reason):
    assert reason in vary("demo", [*CLIPS, setting], row(name)).lacking


def test_training_that_looks_at_no_regions_has_nothing_local():
    nothing = [f"training.loss.{part}=0" for part in LOCAL_LOSSES]
    assert "looks at no regions" in vary("demo", [*CLIPS, *nothing], row("no-local-supervision")).lacking


def test_other_maps_stay_where_the_movement_map_goes():
    variant = vary("demo", [*CLIPS, "model.priors.maps=[movement,hands]"], row("no-movement"))
    assert variant.lacking is None
    assert variant.loaded.preset.model.priors.maps == ("hands",)


def test_rows_stand_as_in_the_table_whatever_the_order():
    assert choose_rows([]) == ROWS
    assert [each.name for each in choose_rows(["full", "no-latents"])] == ["no-latents", "full"]
    with pytest.raises(UsageError, match="there is no row `no-hands`") as error:
        choose_rows(["no-hands"])
    assert "no-local-supervision" in error.value.hint
