"""RFM: the eleven segments of the 125 codes of recency, frequency and money.

Each score is 1 to 5, 5 the best. The table is Spotler's (Squeezely): it names every code once.
"""

from __future__ import annotations

SEGMENTS = (
    *("champions", "loyal", "potential_loyalist", "new", "promising", "need_attention"),
    *("about_to_sleep", "at_risk", "cannot_lose", "hibernating", "lost"),
)
LABELS = {
    "champions": {"en": "Champions", "zh": "重要价值客户"},
    "loyal": {"en": "Loyal", "zh": "忠诚客户"},
    "potential_loyalist": {"en": "Potential loyalist", "zh": "潜在忠诚客户"},
    "new": {"en": "New", "zh": "新客户"},
    "promising": {"en": "Promising", "zh": "有前景客户"},
    "need_attention": {"en": "Need attention", "zh": "需关注客户"},
    "about_to_sleep": {"en": "About to sleep", "zh": "即将沉睡客户"},
    "at_risk": {"en": "At risk", "zh": "流失风险客户"},
    "cannot_lose": {"en": "Cannot lose", "zh": "不可失去客户"},
    "hibernating": {"en": "Hibernating", "zh": "沉睡客户"},
    "lost": {"en": "Lost", "zh": "已流失客户"},
}
_CODES = (
    "555 554 544 545 454 455 445",
    "543 444 435 355 354 345 344 335",
    (
        "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341"
        " 333 323"
    ),
    "512 511 422 421 412 411 311",
    "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "535 534 443 434 343 334 325 324",
    "331 321 312 221 213 231 241 251",
    "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "155 154 144 214 215 115 114 113",
    "332 322 233 232 223 222 132 123 122 212 211",
    "111 112 121 131 141 151",
)
BY_CODE: dict[int, int] = {
    int(code): index for index, codes in enumerate(_CODES) for code in codes.split()
}


def segment(r: int | None, f: int | None, m: int | None) -> int | None:
    """Return the index of a segment in `SEGMENTS`; None where a score is unknown.

    >>> SEGMENTS[segment(5, 5, 4)]
    'champions'
    """
    if r is None or f is None or m is None:
        return None
    return BY_CODE[100 * r + 10 * f + m]
