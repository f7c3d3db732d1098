"""Pick a city's name in the script of its country out of GeoNames' unlabelled alternate names.

They come in dozens of scripts, without their languages. A name is taken only when it is in the letters of the
country's first language and sounds like the main name: no local name is better than a wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher

# Where the first language on record is not the one that towns are signed in.
LANGUAGE_OF_SIGNS = {"DJ": "ar", "ER": "ti", "IN": "hi", "MO": "zh-MO", "TD": "ar"}

# Below this likeness of sounds a candidate is another name of the place, or a name of another place.
LEAST_LIKENESS = 0.6

_RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_ARABIC = "ابتثجحخدذرزسشصضطظعغفقلمنوءآأؤئ"
_ALPHABETS = {
    "ar": _ARABIC + "كهيىةإ",
    "fa": _ARABIC + "پچژکگهی\u200c",
    "ur": _ARABIC + "پچژٹڈڑںکگہھیے",
    "ru": _RUSSIAN,
    "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя'\u2019",
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "kk": _RUSSIAN + "әғқңөұүһі",
    "ky": _RUSSIAN + "ңөү",
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
    "mn": _RUSSIAN + "өү",
    "sr": "абвгдђежзијклљмнњопрстћуфхцчџш",
    "tg": _RUSSIAN + "ғӣқӯҳҷ",
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'\u2019",
}
# What the letters sound like, where their Unicode names do not say it.
_SOUNDS_OF_LETTERS = (
    ("абвгдежзийклмнопрстуфхцчшщъыьэюя",
     "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch . y . e yu ya"),
    ("ёђѓґєѕіїјљњћќўџәғқңөұүһӣӯҳҷ",
     "yo dj g g ye dz i yi j lj nj c k w dz a g q n o u u h i u h j"),
    ("αβγδεζηθικλμνξοπρσςτυφχψω",
     "a v g d e z i th i k l m n x o p r s s t y f ch ps o"),
    ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةپچژکگٹڈڑںہھےی",
     "a b t th j h kh d dh r z s sh s d t z . gh f q k l m n h w y a a p ch zh k g t d r n h h e y"),
    ("אבגדהוזחטיכךלמםנןסעפףצץקרשת",
     "a b g d h v z h t y k k l m m n n s . p f ts ts q r sh t"),
    ("აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
     "a b g d e v z t i k l m n o p zh r s t u p k gh q sh ch ts dz ts ch kh j h"),
    ("աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
     "a b g d e z e y t zh i l kh ts k h dz gh ch m y n sh vo ch p j r s v t r ts v p k o f ev"),
)  # fmt: skip
_SOUNDS = {
    letter: sound
    for letters, sounds in _SOUNDS_OF_LETTERS
    for letter, sound in zip(letters, sounds.split(), strict=True)
}
# Letters that only this language puts in, of those that share its script: they decide between equals.
_MARKS = {
    "ar": "ةأإ",
    "be": "ўі",
    "el": "άέήίόύώϊϋΐΰ",
    "kk": "әғқңөұүһі",
    "ky": "ңөү",
    "ru": "ьыэ",
    "uk": "ьії",
}
# Spellings of neighbours in letters that the language has too.
_FOREIGN = {
    "ar": re.compile("[هى]$"),
    "be": re.compile("[сц]ьк|ов$"),
    "ru": re.compile("ь?[сц]ь[кс]|ьс|ець$|ъ$|[бвгдзклмнпрстфхч]э", re.IGNORECASE),
    "uk": re.compile("[нс]ск|ьск"),
}
# Where sounds lead astray: an English name unlike the local one, or a neighbour's spelling that is closer.
# Each of these is an alternate name of its city too: what GeoNames does not have is not taken from here.
_REVIEWED = {
    "AE": {"Abu Dhabi": "أبوظبي", "Sharjah": "الشارقة", "Fujairah": "الفجيرة"},
    "BY": {"Homyel'": "Гомель"},
    "CY": {"Nicosia": "Λευκωσία"},
    "DZ": {"Algiers": "الجزائر"},
    "EG": {"Cairo": "القاهرة", "Giza": "الجيزة", "Suez": "السويس", "Luxor": "الأقصر", "Aswān": "أسوان"},
    "ET": {"Addis Ababa": "አዲስ አበባ"},
    "IN": {"Mumbai": "मुंबई", "Delhi": "दिल्ली", "Surat": "सूरत", "Navi Mumbai": "नवी मुंबई"},
    "IQ": {"Basrah": "البصرة", "Mosul": "الموصل", "Karbala": "كربلاء", "Najaf": "النجف"},
    "IR": {"Isfahan": "اصفهان"},
    "JO": {"Amman": "عمان", "Zarqa": "الزرقاء", "Irbid": "إربد"},
    "KW": {"Kuwait City": "مدينة الكويت"},
    "KZ": {"Kokshetau": "Көкшетау"},
    "LB": {"Tyre": "صور", "Tripoli": "طرابلس"},
    "LY": {"Tripoli": "طرابلس"},
    "MA": {"Rabat": "الرباط", "Casablanca": "الدار البيضاء", "Tangier": "طنجة"},
    "PK": {"Lahore": "لاہور", "Rawalpindi": "راولپنڈی", "Islamabad": "اسلام آباد"},
    "PS": {"Hebron": "الخليل"},
    "QA": {"Doha": "الدوحة"},
    "RU": {"Moscow": "Москва", "Saint Petersburg": "Санкт-Петербург", "Rostov-on-Don": "Ростов-на-Дону",
           "Barnaul": "Барнаул", "Makhachkala": "Махачкала", "Orenburg": "Оренбург",
           "Ulan-Ude": "Улан-Удэ", "Smolensk": "Смоленск"},
    "SA": {"Riyadh": "الرياض", "Dammam": "الدمام", "Khobar": "الخبر", "Madinah": "المدينة المنورة"},
    "SG": {"Singapore": "新加坡"},
    "SY": {"Latakia": "اللاذقية", "Ar Raqqah": "الرقة", "Ḩamāh": "حماة", "Ţarţūs": "طرطوس"},
    "TH": {"Bangkok": "กรุงเทพมหานคร"},
    "TN": {"Sousse": "سوسة", "Aryanah": "أريانة"},
    "TW": {"Tainan": "台南"},
    "UA": {"Donetsk": "Донецьк", "Poltava": "Полтава", "Kremenchuk": "Кременчук", "Luhansk": "Луганськ",
           "Kramatorsk": "Краматорськ", "Kerch": "Керч"},
}  # fmt: skip
# Words in the names of letters and syllables that say nothing of the sound.
_LETTER_NAME = re.compile(r"(?:LETTER|CHARACTER|SYLLABLE|VOWEL SIGN)(?: ALPAPRAANA| MAHAAPRAANA| FINAL)? (\w+)")
_HAN_SUFFIXES = ("市", "县", "縣", "区", "區", "都", "町", "村", "镇", "鎮")


@dataclass(frozen=True, slots=True)
class Script:
    """How a language is written: `label` for people, `prefixes` of its characters' Unicode names."""

    label: str
    prefixes: tuple[str, ...]
    charset: str = ""


_CYRILLIC = Script("Cyrillic script", ("CYRILLIC",))
_ARABIC_SCRIPT = Script("Arabic script", ("ARABIC",))
_DEVANAGARI = Script("Devanagari", ("DEVANAGARI",))
_SIMPLIFIED = Script("Chinese characters", ("CJK UNIFIED",), "gb2312")
_TRADITIONAL = Script("Chinese characters", ("CJK UNIFIED",), "big5")
SCRIPTS = {
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"), _CYRILLIC),
    **dict.fromkeys(("ar", "fa", "ur"), _ARABIC_SCRIPT),
    **dict.fromkeys(("hi", "ne"), _DEVANAGARI),
    **dict.fromkeys(("zh", "cmn"), _SIMPLIFIED),
    **dict.fromkeys(("zh-HK", "zh-MO", "zh-TW"), _TRADITIONAL),
    "am": Script("Ethiopic script", ("ETHIOPIC",)),
    "bn": Script("Bengali script", ("BENGALI",)),
    "dv": Script("Thaana", ("THAANA",)),
    "dz": Script("Tibetan script", ("TIBETAN",)),
    "el": Script("Greek script", ("GREEK",)),
    "he": Script("Hebrew script", ("HEBREW",)),
    "hy": Script("Armenian script", ("ARMENIAN",)),
    "ja": Script("Japanese", ("CJK UNIFIED", "HIRAGANA", "KATAKANA"), "shift_jis"),
    "ka": Script("Georgian script", ("GEORGIAN",)),
    "ko": Script("Hangul", ("HANGUL",)),
    "lo": Script("Lao script", ("LAO",)),
    "my": Script("Burmese script", ("MYANMAR",)),
    "si": Script("Sinhala script", ("SINHALA",)),
    "th": Script("Thai script", ("THAI",)),
    "ti": Script("Ethiopic script", ("ETHIOPIC",)),
}


def language_of_signs(iso: str, languages: str) -> str:
    """Return the code of the language in `SCRIPTS` that a country's towns are signed in, or ""."""
    first = LANGUAGE_OF_SIGNS.get(iso, languages.partition(",")[0])
    return next((code for code in (first, first.partition("-")[0]) if code in SCRIPTS), "")


def local_name(iso: str, language: str, name: str, alternates: list[str]) -> str:
    """Return the alternate name of the city `name` in the script of `language`, or an empty string."""
    reviewed = _REVIEWED.get(iso, {}).get(name, "")
    if reviewed in alternates:
        return reviewed
    script = SCRIPTS[language]
    candidates = sorted(
        {unicodedata.normalize("NFC", text) for text in alternates if _is_written_in(language, script, text)}
    )
    if script.charset:
        return _han_name(script, candidates)
    best = max((_score(language, name, text) for text in candidates), default=None)
    return best[-1] if best and best[0] >= LEAST_LIKENESS else ""


def _score(language: str, name: str, text: str) -> tuple[float, int, float, int, str]:
    plain, sounds = _ascii(name), _sounds(text)
    marks = sum(char in _MARKS.get(language, "") for char in text.lower())
    return _likeness(_skeleton(plain), _skeleton(sounds)), marks, _likeness(plain, sounds), -len(text), text


def _is_written_in(language: str, script: Script, text: str) -> bool:
    letters = [char for char in text if char not in " -\u200c\u200d'\u2019"]
    alphabet = _ALPHABETS.get(language)
    foreign = _FOREIGN.get(language)
    if foreign and foreign.search(text):
        return False
    if alphabet:
        return len(letters) > 1 and all(char.lower() in alphabet for char in letters)
    return len(letters) > 1 and all(unicodedata.name(char, "").startswith(script.prefixes) for char in letters)


def _han_name(script: Script, candidates: list[str]) -> str:
    """Pick by form, as Han characters show no sounds: the name that also occurs with city after it."""
    usable = [text for text in candidates if _fits(text, script.charset)]
    bases = [text for text in usable if any(text + suffix in usable for suffix in _HAN_SUFFIXES)]
    if script.charset == "shift_jis":  # the newer forms of characters are the ones that only Japanese has
        bases = [text for text in bases if not _fits(text, "big5")] or bases
    choice = bases or usable
    return choice[0] if len(choice) == 1 else ""


def _fits(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


def _sounds(text: str) -> str:
    return "".join(_sound(char) for char in text.lower()).replace(".", "")


def _sound(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0] if "GREEK" in unicodedata.name(char, "") else char
    if base in _SOUNDS:
        return _SOUNDS[base]
    found = _LETTER_NAME.search(unicodedata.name(char, ""))
    return found[1].lower() if found else ""


def _skeleton(sounds: str) -> str:
    """Consonants alone, those that transcriptions mix up taken as one."""
    sounds = re.sub(r"[^a-z]", "", sounds)
    for pattern, replacement in (
        ("sh|ch|zh|ts|dz|[jczx]", "s"),
        ("ph|[vwb]", "p"),
        ("kh|gh|[gq]", "k"),
        ("th|d|dh", "t"),
    ):
        sounds = re.sub(pattern, replacement, sounds)
    return re.sub(r"(.)\1+", r"\1", re.sub("[aeiouyh]", "", sounds).replace("f", "p"))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
