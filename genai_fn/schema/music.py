"""Live music: messages of the client and of the server."""

from genai_fn.schema.base import Message, OpenEnum, OpenMessage


class Scale(OpenEnum):
    """A musical key."""

    SCALE_UNSPECIFIED = "SCALE_UNSPECIFIED"
    C_MAJOR_A_MINOR = "C_MAJOR_A_MINOR"
    D_FLAT_MAJOR_B_FLAT_MINOR = "D_FLAT_MAJOR_B_FLAT_MINOR"
    D_MAJOR_B_MINOR = "D_MAJOR_B_MINOR"
    E_FLAT_MAJOR_C_MINOR = "E_FLAT_MAJOR_C_MINOR"
    E_MAJOR_D_FLAT_MINOR = "E_MAJOR_D_FLAT_MINOR"
    F_MAJOR_D_MINOR = "F_MAJOR_D_MINOR"
    G_FLAT_MAJOR_E_FLAT_MINOR = "G_FLAT_MAJOR_E_FLAT_MINOR"
    G_MAJOR_E_MINOR = "G_MAJOR_E_MINOR"
    A_FLAT_MAJOR_F_MINOR = "A_FLAT_MAJOR_F_MINOR"
    A_MAJOR_G_FLAT_MINOR = "A_MAJOR_G_FLAT_MINOR"
    B_FLAT_MAJOR_G_MINOR = "B_FLAT_MAJOR_G_MINOR"
    B_MAJOR_A_FLAT_MINOR = "B_MAJOR_A_FLAT_MINOR"


class MusicGenerationMode(OpenEnum):
    """Whether the music favours quality or diversity, or includes vocals."""

    MUSIC_GENERATION_MODE_UNSPECIFIED = "MUSIC_GENERATION_MODE_UNSPECIFIED"
    QUALITY = "QUALITY"
    DIVERSITY = "DIVERSITY"
    VOCALIZATION = "VOCALIZATION"


class LiveMusicPlaybackControl(OpenEnum):
    """Playback commands."""

    PLAYBACK_CONTROL_UNSPECIFIED = "PLAYBACK_CONTROL_UNSPECIFIED"
    PLAY = "PLAY"
    PAUSE = "PAUSE"
    STOP = "STOP"
    RESET_CONTEXT = "RESET_CONTEXT"


class LiveMusicClientSetup(OpenMessage):
    """The first message of the client: the model."""

    model: str | None = None


class WeightedPrompt(OpenMessage):
    """A prompt with a weight."""

    text: str | None = None
    weight: float | None = None
    """Any number except 0; only the proportions of weights matter."""


class LiveMusicClientContent(OpenMessage):
    """The weighted prompts."""

    weighted_prompts: tuple[WeightedPrompt, ...] | None = None


class LiveMusicGenerationConfig(OpenMessage):
    """Configuration of the music."""

    temperature: float | None = None
    top_k: int | None = None
    seed: int | None = None
    guidance: float | None = None
    """From 0 to 6: how closely the prompts are followed."""
    bpm: int | None = None
    """Beats per minute, from 60 to 200."""
    density: float | None = None
    """From 0 to 1."""
    brightness: float | None = None
    """From 0 to 1."""
    scale: Scale | None = None
    mute_bass: bool | None = None
    mute_drums: bool | None = None
    only_bass_and_drums: bool | None = None
    music_generation_mode: MusicGenerationMode | None = None


class LiveMusicClientMessage(OpenMessage):
    """A message from the client; exactly one field is set."""

    setup: LiveMusicClientSetup | None = None
    client_content: LiveMusicClientContent | None = None
    music_generation_config: LiveMusicGenerationConfig | None = None
    playback_control: LiveMusicPlaybackControl | None = None


class LiveMusicServerSetupComplete(OpenMessage):
    """The session is ready."""


class LiveMusicSourceMetadata(OpenMessage):
    """Prompts and configuration that a chunk of audio was made with."""

    client_content: LiveMusicClientContent | None = None
    music_generation_config: LiveMusicGenerationConfig | None = None


class AudioChunk(OpenMessage):
    """A chunk of audio."""

    data: bytes | None = None
    mime_type: str | None = None
    source_metadata: LiveMusicSourceMetadata | None = None


class LiveMusicServerContent(OpenMessage):
    """Chunks of audio."""

    audio_chunks: tuple[AudioChunk, ...] = ()


class LiveMusicFilteredPrompt(OpenMessage):
    """A prompt that was refused, and the reason."""

    text: str | None = None
    filtered_reason: str | None = None


class LiveMusicServerMessage(OpenMessage):
    """A message of the server."""

    setup_complete: LiveMusicServerSetupComplete | None = None
    server_content: LiveMusicServerContent | None = None
    filtered_prompt: LiveMusicFilteredPrompt | None = None


class LiveMusicConnectParameters(Message):
    """Parameters of `live.music.connect`."""

    model: str | None = None


class LiveMusicSetConfigParameters(Message):
    """Parameters of a change of the configuration."""

    music_generation_config: LiveMusicGenerationConfig | None = None


class LiveMusicSetWeightedPromptsParameters(Message):
    """Parameters of a change of the prompts."""

    weighted_prompts: tuple[WeightedPrompt, ...] | None = None
