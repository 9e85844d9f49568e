"""TextGenerator: what turns a prompt into words, whoever runs it; and how one is named on the command line."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from leanrec.errors import ConfigError

LLAMA_PREFIX = "llama:"


@runtime_checkable
class TextGenerator(Protocol):
    """A language model that answers a prompt."""

    @property
    def name(self) -> str:
        """What is written beside its texts: which model, on which engine."""
        ...

    def generate(self, prompt: str, *, max_tokens: int, seed: int) -> str:
        """An answer of at most `max_tokens` tokens; seed 0 asks for the likeliest one, another seed for another draw."""
        ...


def open_generator(name: str, *, model: str = "", key_variable: str = "") -> TextGenerator:
    """The generator that `name` says.

    `http://...` or `https://...`: an endpoint that speaks as OpenAI's does, of which `model` names one and the environment variable
    `key_variable` holds the key. `llama:PATH`: a GGUF file on llama.cpp. Anything else: what transformers reads (`smollm2`, a folder, a
    GGUF file, a name on the hub). Raises `ConfigError` for options that cannot take effect.
    """
    if name.startswith(("http://", "https://")):
        from leanrec.explaining.endpoint_generator import EndpointGenerator, EndpointSettings

        return EndpointGenerator(EndpointSettings(url=name, model=model, key_variable=key_variable))
    if model or key_variable:
        raise ConfigError(f"a model or a key beside {name!r} cannot take effect", hint="they belong to an endpoint: --generator https://.../v1")
    if name.startswith(LLAMA_PREFIX):
        from leanrec.explaining.llama_generator import LlamaGenerator

        return LlamaGenerator(Path(name.removeprefix(LLAMA_PREFIX)))
    from leanrec.explaining.transformers_generator import TransformersGenerator

    return TransformersGenerator(name)
