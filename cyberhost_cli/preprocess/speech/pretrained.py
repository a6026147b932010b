"""Speech models of transformers from local folders."""

from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedModel, SequenceFeatureExtractor

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.preprocess.quiet import quiet

FILES = ("config.json", "preprocessor_config.json", "model.safetensors")


def load(
    model_class: type[PreTrainedModel], extractor_class: type[SequenceFeatureExtractor], folder: Path
) -> tuple[PreTrainedModel, SequenceFeatureExtractor]:
    """Read a model and what prepares its input; nothing is fetched.

    Raises:
        CheckpointError: files are missing or damaged, or are of another model.
    """
    hint = f"expected {', '.join(f'`{name}`' for name in FILES)} of a {model_class.__name__}; fetch or copy them again"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"no `{missing[0]}` in `{folder}`", hint)
    try:
        with quiet():
            extractor = extractor_class.from_pretrained(folder, local_files_only=True)
            model, told = model_class.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"the files in `{folder}` are damaged or do not belong together", hint) from error
    # Masks are for training, and some publish none.
    lacking = sorted(name for name in told["missing_keys"] if name != "masked_spec_embed")
    if lacking:
        raise CheckpointError(f"the model in `{folder}` lacks {len(lacking)} weights, first `{lacking[0]}`", hint)
    return model.eval().requires_grad_(False), extractor


def check(folder: Path, config: SpeechConfig, rate: int, layers: int, width: int) -> None:
    """Refuse a model that does not give what the preset says."""
    for key, wanted, found in (("sample_rate", config.sample_rate, rate), ("features", config.features, width)):
        if wanted != found:
            raise CheckpointError(
                f"the model in `{folder}` has {key} {found}, the preset says {wanted}", f"set `speech.{key}: {found}`"
            )
    if config.layers > layers:
        raise CheckpointError(
            f"the model in `{folder}` has {layers} layers, the preset wants {config.layers}",
            f"set `speech.layers: {layers}` or less",
        )
