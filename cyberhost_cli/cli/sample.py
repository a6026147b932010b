"""`cyberhost sample`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, progress, result
from cyberhost_cli.cli.options import (
    JsonOpt,
    OutOpt,
    OverwriteOpt,
    PresetOpt,
    SeedOpt,
    SetOpt,
    StrictOpt,
    UntrainedOpt,
    strictly,
)


def sample(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE...", help="Bundles that together hold a reference and a speech.")
    ],
    out: OutOpt,
    overrides: SetOpt,
    strict: StrictOpt = False,
    preset: PresetOpt = "demo",
    seed: SeedOpt = 0,
    overwrite: OverwriteOpt = False,
    allow_untrained: UntrainedOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Run the diffusion model: bundles in, latent chunks out.

    The bundles are those of `preprocess` and `audio`; the chunks go into a folder, for `stitch`.

    \b
    Examples:
      cyberhost sample bundle.safetensors -o chunks
      cyberhost sample person.safetensors speech.safetensors -o chunks
    """
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(preset, strictly(strict, overrides), allow_untrained)
    for bundle in bundles:
        files.check_input(bundle, "bundle")
    from cyberhost_cli.pipelines import needs

    needs.require(loaded, ("model",))
    from cyberhost_cli.pipelines.stages import sample_folder

    with progress.follow("frames", as_json) as report:
        sample_folder(bundles, out, loaded, seed, overwrite, report)
    result.show_file(out, as_json)
