"""Recognizes the class names of annotation tools: fruits, and things that are certainly not fruit.

Most class names are neither: "rotten apple", "0" and "custard apple" may well be fruit.
"""

from __future__ import annotations

from fruit_caption.language.words import ascii_words, find_fruit

NOT_FRUIT = ""
"""What a class name stands for that is certainly not fruit; false, like None for an unknown one."""

NOT_FRUIT_CLASSES = frozenset(
    # The classes of COCO except for its three fruits, with the other spellings of Pascal VOC and
    # Darknet, and the name of the class of empty regions.
    "person, bicycle, car, motorcycle, motorbike, airplane, aeroplane, bus, train, truck, boat, "
    "traffic light, fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, "
    "cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, "
    "skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, "
    "tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, sandwich, broccoli, carrot, "
    "hot dog, pizza, donut, cake, chair, couch, sofa, potted plant, pottedplant, bed, "
    "dining table, diningtable, toilet, tv, tvmonitor, laptop, mouse, remote, keyboard, "
    "cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, "
    "teddy bear, hair drier, toothbrush, background".split(", ")
)
"""Well-known class names that are not fruit, in lower case."""


def find_class(name: str) -> str | None:
    """Return the fruit that a class name stands for, `NOT_FRUIT`, or None if it is not known."""
    words = " ".join(ascii_words(name.replace("_", " ")))
    # Letters that are not ASCII are no part of the words, but may change what the name means.
    is_not_fruit = name.isascii() and words in NOT_FRUIT_CLASSES
    return find_fruit(name) or (NOT_FRUIT if is_not_fruit else None)
