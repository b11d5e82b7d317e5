"""Language detection with the model that ships in py3langid."""

import pytest

from lms.language import LanguageDetector, py3langid_detector


def test_text_without_letters_has_no_language() -> None:
    detector = LanguageDetector(lambda text: ("en", 0.0), "fake")
    assert detector.language("12 + 30 = 42 ...") is None
    assert detector.language("") is None
    assert detector.language("a") == "en"


@pytest.mark.slow
def test_detects_languages_offline() -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed (extra: text)")
    detector = py3langid_detector()
    assert detector.language("The weather was fine, and they walked along the river until it was dark.") == "en"
    assert detector.language("Das Wetter war schön, und sie gingen am Fluss entlang, bis es dunkel wurde.") == "de"
    assert detector.language("天气很好,他们沿着河边一直走到天黑。") == "zh"
    assert detector.identity.startswith("py3langid 0.")
