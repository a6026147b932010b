"""ONNX models in ONNX Runtime."""

import contextlib
import io
import logging
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.preprocess import optional

logger = logging.getLogger(__name__)

Session = Any
"""onnxruntime's InferenceSession, which is not always installed."""

MAX_THREADS = 8
"""More do not make one picture faster (ours)."""
FATAL = 4
"""ONNX Runtime's highest level of talk; what fails is raised as well."""
CUDA, PROCESSOR = "CUDAExecutionProvider", "CPUExecutionProvider"


def load(path: Path, name: str, extra: str, sides: tuple[int, int], outputs: int) -> Session:
    """Load a model that takes pictures of these sides (height, width) and gives so many outputs.

    `name` is what `cyberhost weights fetch` calls its files, `extra` what brings ONNX Runtime along. The model runs on
    the GPU where ONNX Runtime can.

    Raises:
        CheckpointError: there is no such file, it is damaged, or holds another model.
    """
    fetch = f"`cyberhost weights fetch {name}`"
    if not path.is_file():
        raise CheckpointError(f"`{path}` does not exist", f"get it with {fetch}")
    session = _session(path, optional.need("onnxruntime", f"`{path.name}`", extra), f"delete it and run {fetch}")
    found = tuple(session.get_inputs()[0].shape[2:]), len(session.get_outputs())
    # A side without a number may be any.
    taken = tuple(
        wanted if isinstance(side, str | None) else side for side, wanted in zip(found[0], sides, strict=False)
    )
    if (taken, found[1]) != (sides, outputs):
        raise CheckpointError(
            f"`{path}` holds another model: sides and outputs are {found}, expected {(sides, outputs)}",
            f"delete it and run {fetch}",
        )
    return session


def run(session: Session, pixels: Float32[np.ndarray, "H W 3"]) -> list[np.ndarray]:
    """Return the model's outputs for one picture."""
    batch = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
    outputs: list[np.ndarray] = session.run(None, {session.get_inputs()[0].name: batch})
    return outputs


def _session(path: Path, runtime: ModuleType, hint: str) -> Session:
    runtime.set_default_logger_severity(FATAL)
    options = runtime.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = _threads()
    # Else threads without work keep their cores busy, which other processes could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [CUDA, PROCESSOR] if CUDA in runtime.get_available_providers() else [PROCESSOR]
    try:
        # It prints what it misses of CUDA.
        with contextlib.redirect_stdout(io.StringIO()):
            if CUDA in providers:
                runtime.preload_dlls()  # finds the libraries that came with torch
            session = runtime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own have no common parent.
        raise CheckpointError(f"`{path}` is no ONNX model, or is damaged: {error}", hint) from error
    if providers[0] not in session.get_providers():
        logger.warning(
            "`%s` runs on the processor: ONNX Runtime does not find the libraries of CUDA; "
            "see https://onnxruntime.ai/docs/install/#cuda-and-cudnn",
            path.name,
        )
    return session


def _threads() -> int:
    """Return one per core, or what `OMP_NUM_THREADS` says, as torch does."""
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return int(wish) if wish.isdecimal() else min(os.cpu_count() or 1, MAX_THREADS)
