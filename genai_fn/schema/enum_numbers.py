"""
The numbers of enum values in the API's protocol buffers, which JSON may contain in place of the names.

From google/ai/generativelanguage/v1beta and google/cloud/aiplatform/v1beta1 in https://github.com/googleapis/googleapis.
"""

from collections.abc import Mapping

ENUM_NUMBERS: Mapping[str, Mapping[int, str]] = {
    name: dict(enumerate(values.split()))
    for name, values in {
        "ActivityHandling": "ACTIVITY_HANDLING_UNSPECIFIED START_OF_ACTIVITY_INTERRUPTS NO_INTERRUPTION",
        "AuthType": "AUTH_TYPE_UNSPECIFIED NO_AUTH API_KEY_AUTH HTTP_BASIC_AUTH GOOGLE_SERVICE_ACCOUNT_AUTH",
        "Behavior": "UNSPECIFIED BLOCKING NON_BLOCKING",
        "BlockedReason": "BLOCKED_REASON_UNSPECIFIED SAFETY OTHER BLOCKLIST PROHIBITED_CONTENT",
        "DynamicRetrievalConfigMode": "MODE_UNSPECIFIED MODE_DYNAMIC",
        "EndSensitivity": "END_SENSITIVITY_UNSPECIFIED END_SENSITIVITY_HIGH END_SENSITIVITY_LOW",
        "Environment": "ENVIRONMENT_UNSPECIFIED ENVIRONMENT_BROWSER",
        "FeatureSelectionPreference": (
            "FEATURE_SELECTION_PREFERENCE_UNSPECIFIED PRIORITIZE_QUALITY BALANCED PRIORITIZE_COST"
        ),
        "FinishReason": "FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION OTHER",
        "FunctionCallingConfigMode": "MODE_UNSPECIFIED AUTO ANY NONE VALIDATED VALIDATED",
        "FunctionResponseScheduling": "SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT",
        "HarmBlockMethod": "HARM_BLOCK_METHOD_UNSPECIFIED SEVERITY PROBABILITY",
        "HarmBlockThreshold": (
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH BLOCK_NONE OFF"
        ),
        "HarmCategory": (
            "HARM_CATEGORY_UNSPECIFIED HARM_CATEGORY_HATE_SPEECH HARM_CATEGORY_DANGEROUS_CONTENT"
            " HARM_CATEGORY_HARASSMENT HARM_CATEGORY_SEXUALLY_EXPLICIT HARM_CATEGORY_CIVIC_INTEGRITY"
            " HARM_CATEGORY_JAILBREAK HARM_CATEGORY_HARASSMENT HARM_CATEGORY_HATE_SPEECH"
            " HARM_CATEGORY_SEXUALLY_EXPLICIT HARM_CATEGORY_DANGEROUS_CONTENT HARM_CATEGORY_CIVIC_INTEGRITY"
        ),
        "HarmProbability": "HARM_PROBABILITY_UNSPECIFIED NEGLIGIBLE LOW MEDIUM HIGH",
        "HarmSeverity": (
            "HARM_SEVERITY_UNSPECIFIED HARM_SEVERITY_NEGLIGIBLE HARM_SEVERITY_LOW HARM_SEVERITY_MEDIUM"
            " HARM_SEVERITY_HIGH"
        ),
        "HttpElementLocation": (
            "HTTP_IN_UNSPECIFIED HTTP_IN_QUERY HTTP_IN_HEADER HTTP_IN_PATH HTTP_IN_BODY HTTP_IN_COOKIE"
        ),
        "Language": "LANGUAGE_UNSPECIFIED PYTHON",
        "MediaModality": "MODALITY_UNSPECIFIED TEXT IMAGE VIDEO AUDIO DOCUMENT",
        "MediaResolution": (
            "MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH"
        ),
        "Modality": "MODALITY_UNSPECIFIED TEXT IMAGE AUDIO",
        "Mode": "MODE_UNSPECIFIED MODE_DYNAMIC",
        "Outcome": "OUTCOME_UNSPECIFIED OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED",
        "StartSensitivity": "START_SENSITIVITY_UNSPECIFIED START_SENSITIVITY_HIGH START_SENSITIVITY_LOW",
        "TrafficType": "TRAFFIC_TYPE_UNSPECIFIED ON_DEMAND PROVISIONED_THROUGHPUT",
        "TurnCoverage": "TURN_COVERAGE_UNSPECIFIED TURN_INCLUDES_ONLY_ACTIVITY TURN_INCLUDES_ALL_INPUT",
        "Type": "TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL",
        "UrlRetrievalStatus": (
            "URL_RETRIEVAL_STATUS_UNSPECIFIED URL_RETRIEVAL_STATUS_SUCCESS URL_RETRIEVAL_STATUS_ERROR"
            " URL_RETRIEVAL_STATUS_PAYWALL URL_RETRIEVAL_STATUS_UNSAFE"
        ),
    }.items()
}
"""
The names of the numbers from 0, by the name of the enum: those that `generate` and live sessions send and receive.

A number is left out if it has one meaning on the Gemini Developer API and another on Vertex AI, as those of
`FinishReason` from 6. The categories of harm are numbered from 7 on the former, and from 1 on the latter.
"""


def find_enum_name(enum_name: str, number: int) -> str | None:
    """
    Find the name of a number, or None if it is unknown.

    >>> find_enum_name("FinishReason", 2), find_enum_name("FinishReason", 6)
    ('MAX_TOKENS', None)
    """
    return ENUM_NUMBERS.get(enum_name, {}).get(number)
