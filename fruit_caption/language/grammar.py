"""Parses questions about fruit into the trees of `compositions.py`.

```
question  = "how many" amount | "which" choice | ["is there"] statement | "describe the photo"
amount    = "more" group "than" group | ["kinds"] group
choice    = ("most" | "fewest") group | "more" fruits | [quantity] group
statement = "more" group "than" group | "as many" group "as" group
          | "most" fruit | ("only" | "all") group
          | part { ("and" | "or") part }
part      = ["no"] [quantity] ["kinds"] group
quantity  = ["at least" | "more than" | "exactly" | …] number ["or more" | "or fewer"]
group     = "fruit" [exception] | fruits | exception
exception = ("except" | "not") fruits
fruits    = fruit { ("and" | "or") fruit }
```

The cue words "how many", "which" and "is there" may stand anywhere ("apples, how many?") and are
taken out first. A question in which a word is left over is refused with an error that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fruit_caption.language.compositions import (
    EVERY,
    Both,
    Compare,
    Count,
    Description,
    Difference,
    Either,
    Group,
    IsMost,
    Kinds,
    Most,
    Node,
    Which,
    groups,
    named_fruits,
)
from fruit_caption.language.lexicon import Token

_CUES = ("how many", "how much", "which", "describe", "whether", "follow-up")


class Unreadable(Exception):
    """The words are known, but not what they mean together."""


class Parser:
    """A recursive descent parser: a method for each rule of the grammar above."""

    def __init__(self, tokens: Sequence[Token], previous: Node | None) -> None:
        self.previous = previous
        self.cues = {token.kind for token in tokens if token.kind in _CUES}
        self.continues = bool(tokens) and tokens[0].kind in ("and", "follow-up")
        self.tokens = [token for token in tokens if token.kind not in _CUES]
        while self._take("and", "or", "comma"):
            pass
        while self.tokens and self.tokens[-1].kind == "comma":
            self.tokens.pop()

    def question(self) -> Node:
        """Parse the whole question."""
        node = self._question()
        self._pop_all("comma")
        if self.tokens:
            raise Unreadable
        return node

    def _question(self) -> Node:
        if "describe" in self.cues:
            self._pop_all("a", "any")
            return Description()
        if "how many" in self.cues or ("how much" in self.cues and self._next("any")):
            is_statement = self._has("same") or (self._next("fruit") and self._has("number"))
            return self._statement() if is_statement else self._amount()
        if "how much" in self.cues:
            raise Unreadable
        if "which" in self.cues:
            return self._choice()
        if self.continues and self.previous and "whether" not in self.cues:
            return self._follow_up()
        return self._statement()

    def _amount(self) -> Node:
        if self._has("than") and (more := self._take("more", "fewer")):
            left, right = self._pair("than")
            return Difference(left, right) if more.kind == "more" else Difference(right, left)
        kinds = self._pop_all("kinds")
        together = self._pop_all("together")
        self._pop_all("a", "all", "both")
        if self._has("fruit", "any", "except", "not", "else"):
            group = self._group()
        else:
            group = EVERY if together or kinds else self._group_before() or EVERY
        return self._kinds(group) if kinds else Count(group)

    def _choice(self) -> Node:
        self._pop_all("kinds", "together", "all", "a", "both")
        is_most, is_fewest = self._pop_all("most", "majority"), self._pop_all("fewest")
        if self._has("or") and not self._has("number"):
            is_most |= self._pop_all("more")
            is_fewest |= self._pop_all("fewer")
        if is_most or is_fewest:
            return self._most(is_fewest)
        limits = self._quantity()
        group = self._group() if self.tokens else EVERY
        sign, number = limits or self._quantity() or (">=", 1)
        if not group.others and len(group.names) == 1:
            raise Unreadable  # "which apples?" asks for more than kinds
        return Which(group, sign, number)

    def _most(self, fewest: bool) -> Node:
        group = self._group() if self.tokens else EVERY
        if len(group.names) == 1 and not group.others:
            raise Unreadable  # "least apples?"
        return Most(group, fewest)

    def _follow_up(self) -> Node:
        if not self._next("a") and not self._next("fruit"):
            return self._statement()
        group = self._group()
        if isinstance(self.previous, Count):
            return Count(group)
        if isinstance(self.previous, Compare) and isinstance(self.previous.right, int):
            return replace(self.previous, left=replace(self.previous.left, group=group))
        return Compare(Count(group), ">=", 1)

    def _statement(self) -> Node:
        if not self.tokens and "whether" in self.cues and (group := self._group_before()):
            return Compare(Count(group), ">=", 1)  # "is there one?"
        self._drop_polite_not()
        if self._has("number"):
            self._pop_all("same")
        elif self._has("same", "outnumber") or (self._has("than") and self._has("more", "fewer")):
            return self._comparison()
        elif self._has("more", "fewer") and self._has("or"):
            fewest = self._has("fewer")
            self._pop_all("more", "fewer")
            return self._most(fewest)
        if self._has("most", "fewest", "majority"):
            return self._superlative()
        if self._has("all") or (self._has("only") and not self._has("number")):
            return self._only()
        if "whether" not in self.cues:
            if self._pop_all("together"):
                return Count(self._group())
            if [token.kind for token in self.tokens if token.kind != "a"] == ["any"]:
                self.tokens = []
                return Which(EVERY)
        return self._parts()

    def _comparison(self) -> Node:
        sign = "="
        for kind, meant in (("more", ">"), ("fewer", "<"), ("same", "=")):
            sign = meant if self._take(kind) else sign
        sign = ">" if self._has("outnumber") else sign
        left, right = self._pair("than", "and", "same", "outnumber")
        return Compare(Count(left), sign, Count(right))

    def _superlative(self) -> Node:
        """Parse "are most of the fruits apples?" or "is apple the most common fruit?"."""
        is_majority = self._next("majority") or self.tokens[0].text == "most"
        fewest = self._has("fewest")
        self._pop_all("most", "fewest", "majority", "a")
        if "whether" not in self.cues and not is_majority:
            return self._most(fewest)
        fruits = [token.fruit for token in self.tokens if token.kind == "fruit"]
        if len(fruits) != 1 or not self._pop_all("any", "fruit"):
            raise Unreadable
        if is_majority:
            return Compare(Count(Group((fruits[0],))), ">", Count(Group((fruits[0],), True)))
        return IsMost(fruits[0], fewest)

    def _only(self) -> Node:
        for token, after in zip(self.tokens, self.tokens[1:], strict=False):
            if token.text.endswith(" the") and token.kind == "all" and after.kind == "fruit":
                raise Unreadable  # "are all the apples here?"
        is_either = self._has("or")
        self._pop_all("only", "all", "a", "both", "either", "any", "comma")
        group = self._group()
        if group.others:
            raise Unreadable
        there = [group] if is_either else [Group((name,)) for name in group.names]
        others = Compare(Count(Group(group.names, True)), "=", 0)
        return Both((*(Compare(Count(part), ">=", 1) for part in there), others))

    def _parts(self) -> Node:
        needs_two = self._pop_all("both", "either")
        self._pop_all("together")
        denied = self._take("neither") is not None
        parts, counted, connectives = [], [], set()
        while True:
            part, has_quantity = self._part()
            parts.append(part)
            counted.append(has_quantity)
            connective = self._connective()
            if not connective:
                break
            connectives.add(connective)
        kinds = connectives - {"comma"} or {"and"}
        if len(kinds) > 1 or (needs_two and len(parts) == 1):
            raise Unreadable  # "apples and pears or plums" can mean two things
        is_denial = parts[0].sign == "=" and parts[0].right == 0
        if denied or (is_denial and kinds <= {"or", "nor"}):
            return Compare(Count(_union(parts)), "=", 0)
        if len(parts) == 1:
            return parts[0]
        if kinds == {"and"}:
            return Both(tuple(parts))
        if any(counted[1:]) or any(group.others for part in parts for group in groups(part)):
            return Either(tuple(parts))
        return replace(parts[0], left=Count(_union(parts)))

    def _part(self) -> tuple[Compare, bool]:
        """Parse a part of a statement, and return it with whether it has a number."""
        nothing = self._take("nothing")
        denied = (nothing or self._take("no", "not")) is not None
        limits = self._quantity()
        self._take("a")
        kinds = self._take("kinds")
        if nothing:
            group = EVERY
        elif limits and not self.tokens:
            group = self._group_before() or EVERY  # "are there exactly seven?"
        elif kinds and not self.tokens:
            group = EVERY
        else:
            group = self._one_group()
        limits = self._quantity() or limits
        if limits:
            limits = self._or_more(*limits)
        elif kinds and not denied:
            limits = (">=", 2)  # "are there different kinds?"
        if denied and limits:
            raise Unreadable
        sign, number = ("=", 0) if denied else limits or (">=", 1)
        amount = self._kinds(group) if kinds else Count(group)
        return Compare(amount, sign, number), limits is not None

    def _kinds(self, group: Group) -> Kinds:
        if not group.others:
            raise Unreadable  # Kinds of apple can't be told apart.
        return Kinds(group)

    def _quantity(self) -> tuple[str, int] | None:
        """Parse a number and what limits it, or return None if there is none."""
        signs = {"at least": ">=", "at most": "<=", "more": ">", "fewer": "<", "number": "="}
        signs |= {"exactly": "=", "only": "="}
        if not self.tokens or self.tokens[0].kind not in signs:
            return None
        sign = signs[self.tokens[0].kind]
        if self._take("more", "fewer") and not self._take("than"):
            raise Unreadable
        while self._take("at least", "at most", "exactly", "only"):
            pass
        number = self._take("number")
        if number is None:
            raise Unreadable
        return self._or_more(sign, number.number)

    def _or_more(self, sign: str, number: int) -> tuple[str, int]:
        for kind, looser in (("or more", ">="), ("or fewer", "<=")):
            sign = looser if self._take(kind) else sign
        return sign, number

    def _pair(self, *between: str) -> tuple[Group, Group]:
        """Parse two groups with a word between them."""
        self._pop_all("a", "together", "all", "both")
        left = self._one_group()
        if not self._take(*between):
            raise Unreadable
        if self._take("else"):
            self._take("any")
            return left, Group(left.names, True)
        return left, self._group()

    def _group(self) -> Group:
        """Parse a group, which may have several names."""
        group = self._one_group()
        while not group.others and self._connective():
            more = self._one_group()
            if more.others:
                raise Unreadable
            group = Group(tuple(dict.fromkeys((*group.names, *more.names))))
        return group

    def _one_group(self) -> Group:
        """Parse "fruit", a fruit, or an exception."""
        while self._take("a", "comma", "more", "fewer"):
            pass
        other = self._take("else")
        anything = self._take("any")
        other = self._take("else") or other
        while anything and self._take("any"):
            pass  # "how many things here are fruits?"
        if anything and [token.kind for token in self.tokens[:2]] == ["comma", "fruit"]:
            self._take("comma")  # "which fruit is there most of, apples or pears?"
        if fruit := self._take("fruit"):
            if other or (anything and anything.text.startswith("piece")):
                raise Unreadable
            if not anything and fruit.text == fruit.fruit:
                self._take("any")  # "orange fruits"
            return Group((fruit.fruit,))
        if self._take("except", "not", "neither", *(["than", "and"] if other else [])):
            self._take("any")
            return self._exception()
        if other and (names := named_fruits(self.previous) if self.previous else ()):
            return Group(names, True)
        if other or not anything:
            self.tokens[:0] = [other] if other else []
            raise Unreadable
        return EVERY

    def _exception(self) -> Group:
        names: list[str] = []
        while True:
            self._take("a")
            fruit = self._take("fruit")
            if fruit is None:
                break
            names.append(fruit.fruit)
            if not self._connective():
                break
        self._take("any")  # "not counting bananas, how many fruits?"
        if not names:
            raise Unreadable
        return Group(tuple(dict.fromkeys(names)), True)

    def _group_before(self) -> Group | None:
        return next(groups(self.previous), None)

    def _drop_polite_not(self) -> None:
        """Drop the "not" of "isn't there a banana?", which asks whether there is one."""
        if self._next("not") and len(self.tokens) > 1 and "whether" in self.cues:
            if self.tokens[1].kind not in ("a", "fruit", "any"):
                raise Unreadable
            self.tokens.pop(0)

    def _connective(self) -> str | None:
        """Take what joins two parts: "and", "or", "nor" or "comma"; two fruits need nothing."""
        comma = self._take("comma")
        if found := self._take("and", "or", "nor"):
            return found.kind
        return "comma" if comma or self._next("fruit") else None

    def _has(self, *kinds: str) -> bool:
        return any(token.kind in kinds for token in self.tokens)

    def _next(self, kind: str) -> bool:
        return bool(self.tokens) and self.tokens[0].kind == kind

    def _take(self, *kinds: str) -> Token | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0].kind in kinds else None

    def _pop_all(self, *kinds: str) -> bool:
        """Remove all tokens of some kinds, and return whether there were any."""
        before = len(self.tokens)
        self.tokens = [token for token in self.tokens if token.kind not in kinds]
        return len(self.tokens) < before


def _union(parts: Sequence[Compare]) -> Group:
    names = [name for part in parts for name in part.left.group.names]
    if any(part.left.group.others for part in parts):
        if len(parts) > 1:
            raise Unreadable
        return parts[0].left.group
    return Group(tuple(dict.fromkeys(names)))
