"""LlamaGenerator: texts by a GGUF file on llama.cpp, several times as fast as torch on a CPU."""

from functools import cached_property
from pathlib import Path
from typing import Any

from leanrec.errors import ConfigError, MissingExtraError

CONTEXT_TOKENS = 2048
TEMPERATURE = 0.7


class LlamaGenerator:
    """One GGUF file; loaded when the first text is asked for. `num_threads` is stated, since busy threads are slower than one."""

    def __init__(self, path: Path, *, num_threads: int = 1) -> None:
        self.path = Path(path).expanduser()
        self.num_threads = num_threads

    @property
    def name(self) -> str:
        """The file, and that llama.cpp ran it."""
        return f"llama:{self.path.name}"

    def generate(self, prompt: str, *, max_tokens: int, seed: int) -> str:
        """See `TextGenerator`; raises `MissingExtraError` without llama-cpp-python and `ConfigError` for a file that it cannot read."""
        answer = self._llama.create_completion(
            prompt.replace("<|", "< |"), max_tokens=max_tokens, seed=seed, temperature=TEMPERATURE if seed else 0.0, stop=["\n"]
        )
        return str(answer["choices"][0]["text"])

    @cached_property
    def _llama(self) -> Any:  # Any: the library has no types
        if not self.path.is_file():
            raise ConfigError(f"there is no file {self.path}", hint="give the path of a GGUF file: --generator llama:model.gguf")
        try:
            from llama_cpp import Llama
        except ImportError:
            raise MissingExtraError("llama.cpp needs llama-cpp-python", hint="pip install 'leanrec[llama]'") from None
        try:
            return Llama(model_path=str(self.path), n_ctx=CONTEXT_TOKENS, n_threads=self.num_threads, n_threads_batch=self.num_threads, verbose=False)
        except (ValueError, RuntimeError, OSError) as error:
            raise ConfigError(f"llama.cpp cannot read {self.path.name}: {error}", hint="give a whole GGUF file of a model that chats") from None
