"""Phrases by which people bound what they wish for, in several languages; looked up word by word, the longest first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Literal, TypeVar

from leanrec.features.spoken_words import Token, cleaned, folded, tokens

Role = Literal[
    "below", "above", "before", "since", "after", "within", "between", "or_below", "or_above", "or_before", "or_since",
    "to", "decade", "decades", "cheap", "dear", "no", "no_after", "only", "or", "money", "filler",
]  # fmt: skip

_PHRASES: Mapping[Role, str] = {
    "below": "under|below|less than|at most|up to|max|maximum|cheaper than|not more than|no more than|not over|not above|within|"
    "unter|weniger als|höchstens|hoechstens|maximal|billiger als|günstiger als|nicht über|nicht mehr als|bis zu|"
    "moins de|au plus|jusqu'à|pas plus de|en dessous de|menos de|como máximo|hasta|por debajo de|no más de|meno di|fino a|al massimo|"
    "até|no máximo|minder dan|onder|hoogstens|до|меньше|дешевле|не дороже|不超过|不超過|低于|低於|少于|最多|小于|便宜过|<|≤|<=",
    "above": "over|above|more than|at least|min|minimum|not under|not below|not less than|no less than|"
    "über|mehr als|mindestens|teurer als|ab|nicht unter|plus de|au moins|à partir de|más de|al menos|por encima de|più di|almeno|"
    "mais de|pelo menos|meer dan|minstens|от|больше|дороже|超过|超過|高于|高於|至少|大于|不低于|>|≥|>=",
    "before": "before|prior to|older than|earlier than|vor|älter als|avant|antes de|prima del|prima di|voor|старше|раньше|早于",
    "since": "since|newer than|not before|seit|ab|depuis|à partir de|desde|dal|desde|sinds|с|自|从",
    "after": "after|later than|nach|après|después de|dopo il|dopo|depois de|na|после|晚于",
    "within": "in|of|from|aus|aus den|in den|von|von den|des|de los|de|de las|dans les|degli|nos|uit de|из",
    "between": "between|from|zwischen|von|entre|de|tra|fra|tussen|между|介于|从",
    "or_below": "以下|以内|以內|之内|未満|이하|미만|or less|or under|or cheaper|oder weniger|ou moins|o menos|max|maximal|以下的",
    "or_above": "以上|이상|or more|and up|or above|oder mehr|ou plus|o más|起",
    "or_before": "以前|之前|前|이전|or earlier|or older",
    "or_since": "以后|以後|之后|以降|이후|or later|or newer|and later|onwards|on|an",
    "to": "to|bis|à|a|al|tot|до|到|至|から|-|–|—|~|～|〜",
    "decade": "年代|er|ern|er jahre|er jahren|s|대|х",
    "decades": "années|années de|años|anni|anos|jaren",
    "cheap": "cheap|inexpensive|affordable|low priced|budget|billig|günstig|preiswert|pas cher|pas trop cher|bon marché|barato|barata|baratos|"
    "económico|economico|goedkoop|дешевый|недорогой|недорого|便宜|实惠|實惠|安い|安価|저렴한|싼|"
    "not expensive|not too expensive|not very expensive|nicht teuer|nicht zu teuer|no muy caro|non caro|不贵|不太贵|高くない",
    "dear": "expensive|luxury|premium|high end|teuer|hochwertig|cher|luxe|caro|lujo|di lusso|duur|дорогой|贵|昂贵|高级|高い|비싼|"
    "not cheap|nicht billig",
    "no": "no|not|without|except|nothing with|anything but|ohne|kein|keine|keinen|keiner|nicht|außer|sans|pas de|pas d|sauf|sin|nada de|excepto|"
    "senza|non|tranne|sem|não|exceto|zonder|geen|niet|без|не|кроме|不要|不想要|没有|沒有|除了|不是|不看|非|don't want|do not want",
    "no_after": "以外|なし|ではない|말고|제외|除外",
    "only": "only|nothing but|must be|has to be|nur|ausschließlich|seulement|uniquement|solo|sólo|solamente|soltanto|apenas|somente|"
    "alleen|только|只要|只看|仅|だけ|만",
    "or": "or|nor|oder|noch|ou|ni|o|né|of|или|或|或者|还是|、|/|and|und|et|y|e|i|和|&",
    "money": "€|$|£|¥|￥|₹|₩|₽|zł|元|块|塊|円|원|euro|euros|eur|dollar|dollars|usd|bucks|pound|pounds|gbp|quid|yen|jpy|yuan|rmb|cny|"
    "人民币|rupees|inr|"
    "won|krw|pln|chf|franken|francs|kr|sek|nok|dkk|rub|рублей|руб|reais|brl|pesos|mxn",
    "filler": "not only|nicht nur|pas seulement|no solo|non solo|不仅|a|an|the|any|too|so|very|really|with|more|"
    "das|die|der|den|ein|eine|le|la|les|el|los|un|une|una|trop|zu",
}  # fmt: skip

_EMPTY = (
    "a|an|the|i|me|my|we|us|you|it|is|are|be|am|im|i'm|some|something|anything|thing|want|wanted|would|like|love|need|looking|for|find|search|show|give|get|please|"
    "recommend|suggest|to|of|and|or|with|in|on|at|by|from|that|this|which|but|can|could|have|has|any|good|best|great|nice|kind|sort|bit|too|very|really|just|"
    "ich|mir|mich|wir|etwas|was|suche|möchte|will|bitte|zeig|zeige|gib|ein|eine|einen|einem|einer|der|die|das|den|dem|des|und|oder|mit|für|im|am|zu|sehr|aber|auch|"
    "je|moi|nous|quelque|chose|veux|voudrais|cherche|svp|un|une|le|la|les|du|de|d|l|et|ou|avec|pour|dans|mais|très|yo|quiero|busco|algo|por|favor|el|los|las|una|y|o|"
    "con|para|en|pero|muy|qualcosa|vorrei|cerco|il|lo|gli|e|per|ma|eu|quero|um|uma|os|as|com|mas|我|想|要|请|給|给|找|看|的|了|一|些|个|和|吗|吧|有|点|を|に|は|が|の|て|で|と|た|い|"
    "欲|し|見|は|ください|что|то|мне|я|и|для|хочу|в|на|с"
)

Meaning = TypeVar("Meaning")

MAX_PHRASE = 30
"""Words that a phrase may reach over."""


class PhraseBook(Generic[Meaning]):
    """Meanings by the words that name them; the longest phrase at a place is found in as many steps as it has words."""

    def __init__(self) -> None:
        self._root: dict[str, dict] = {}  # type: ignore[type-arg]  # a tree of itself; a meaning stands under the empty word
        self._num_phrases = 0

    def __len__(self) -> int:
        return self._num_phrases

    def at(self, words: Sequence[str]) -> Meaning | None:
        """The meaning of exactly these words."""
        node = self._root
        for word in words:
            node = node.get(word, {})
        meaning: Meaning | None = node.get("")  # type: ignore[assignment]  # see above
        return meaning

    def put(self, words: Sequence[str], meaning: Meaning) -> None:
        """Let these words have this meaning."""
        node = self._root
        for word in words:
            node = node.setdefault(word, {})
        self._num_phrases += "" not in node
        node[""] = meaning  # type: ignore[assignment]  # see above

    def has_first(self, word: str) -> bool:
        """Whether a phrase begins with this word."""
        return word in self._root

    def longest(self, words: Sequence[str], start: int, *, passing: frozenset[str] = frozenset()) -> tuple[Meaning, int] | None:
        """The meaning of the longest phrase that begins at `start`, and how many words it takes; words in `passing` may stand within it."""
        node, found = self._root.get(words[start]) if start < len(words) else None, None
        place = start + 1
        while node is not None:
            if "" in node:
                found = (node[""], place - start)
            while place < len(words) and words[place] in passing and place - start < MAX_PHRASE:
                place += 1
            node = node.get(words[place]) if place < len(words) else None
            place += 1
        return found


def phrase_book() -> PhraseBook[frozenset[Role]]:
    """What each phrase can do; some can do several things (`from 20 to 30`, `from 1990`)."""
    book: PhraseBook[frozenset[Role]] = PhraseBook()
    for role, phrases in _PHRASES.items():
        for phrase in phrases.split("|"):
            words = plain_words(tokens(cleaned(phrase)))
            book.put(words, (book.at(words) or frozenset()) | {role})
    return book


def plain_words(found: Iterable[Token]) -> list[str]:
    """The words as phrases know them, plurals kept."""
    return [token.plain for token in found]


EMPTY_WORDS = frozenset(folded(word) for word in _EMPTY.split("|"))
"""Words that wish for nothing by themselves."""
