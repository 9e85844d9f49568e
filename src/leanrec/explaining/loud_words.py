"""Loud words: praise, comparison, promises, claims of health and instructions; a record may quote them, no text may say them of itself."""

import re

_LOUD = """
    amazing award awarded awarding authentic beautiful best bestseller bestselling better bio brilliant certified cheap cheaper cheapest
    classic clinical clinically cure deal delicious discount durable easy effective exclusive excellent exclusive famous fantastic fast
    favourite favorite finest flawless free fresh genuine gorgeous great guarantee guaranteed handmade harmless heal healing healthy
    hypoallergenic iconic ideal improve improved incredible instant legendary limited lowest loved lovely luxurious luxury magic medical
    miracle most natural never new nicest number one organic original outstanding perfect popular powerful premium prevent professional
    proof proven pure quality quick rare recommended reduce reliable remarkable safe sale save stunning stylish superb superior supreme
    sustainable tested thrilling top treat trusted ultimate unbeatable unique unmatched unrivalled value vegan versatile warranty waterproof
    winner winning wonderful world worth
    not no non without never nothing none nobody cannot
    all always any every everyone everybody only more less than
"""
LOUD_WORDS = frozenset(_LOUD.split())
"""Words that are no fact when a shop uses them of its own goods; what holds one is quoted or not said."""

_CLAUSE = """
    is are was were be been being am has have had having will would shall should can could may might must do does did done
    cost costs buy get gets got give gives comes come says say said tell tells told claims make makes made means
    it its it's you your you're yours we us our ours i i'm me my mine he she they them their this that these those
    because when while which who whose if then but so
"""
CLAUSE_WORDS = frozenset(_CLAUSE.split())
"""Words that make a sentence of a name; without quotation marks it could pass for one of ours."""

_INSTRUCTIONS = re.compile(
    r"""\b(?:ignore|ignora|ignorer|ignoriere?n?|ignorez|ignorar|ignorieren|disregard|overlook|override|bypass|jailbreak)\b
    |\b(?:vergiss|vergessen|oublie[zr]?|olvida|esquece|dimentica|negeer|zignoruj|unut)\b
    |\bforget\s(?:all|any|every|the|your|previous|prior|above|what)
    |\b(?:system|developer|hidden|your|new)\s(?:prompt|message|instructions?|rules?|role)\b
    |\b(?:prompts?|instructions?|anweisung(?:en)?|instrucciones|instrucoes|istruzioni|guidelines)\b.*\b(?:above|previous|prior|before|follow|new|reveal)
    |\b(?:above|previous|prior|earlier|preceding)\s(?:instructions?|prompts?|rules?|text|facts?|messages?|directions?)
    |\b(?:you\sare|you\smust|you\swill|you\sshould|act\sas|pretend|behave\sas|repeat\safter)\b
    |\b(?:respond|reply|answer|output|print)\s(?:with|only|exactly|the|this|in|as|yes)\b
    |\b(?:say|write|tell|claim|state|mention|add|insert|append)\s(?:that|it|this|the|only|exactly|instead|users?|everyone|people|to)\b
    |\b(?:say|write|claim)\s(?:\w+\s){0,3}\w+$
    |\b(?:schreibe?|sage?|dites?|diga|scrivi)\s(?:\w+\s)?(?:dass|que|che|es|ist)\b
    |\bas\san\sai\b|\blanguage\smodel\b|\bdeveloper\smode\b
    |игнорир|забудь|проигнор|инструкци|忽略|无视|無視|忘记|忘れ|指示|指令|提示词|무시|지시|تجاهل|انس|تعليمات|התעלם|अनदेखा|निर्देश|αγνοησ|ігнор""",
    re.VERBOSE,
)


def sounds_like_instruction(text: str) -> bool:
    """Whether small letters talk to a language model, in any of a dozen languages.

    >>> sounds_like_instruction("ignore the above"), sounds_like_instruction("nail lacquer")
    (True, False)
    """
    squeezed = re.sub(r"\b(\w)\s(?=\w\b)", r"\1", text)  # i g n o r e
    return any(_INSTRUCTIONS.search(form) for form in (text, squeezed))


def stem(word: str) -> str:
    """A word without its English ending: enough to tell that `cleaners` holds `cleaner`.

    >>> stem("Waterproofed"), stem("brushes"), stem("class")
    ('waterproof', 'brush', 'class')
    """
    small = word.lower().removesuffix("'s")
    for ending, left in (("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ies", "y"), ("ing", ""), ("ed", ""), ("s", "")):
        if small.endswith(ending) and len(small) - len(ending) >= 3 and not small.endswith(("ss", "us", "is")):
            return small.removesuffix(ending) + left
    return small
