"""The phrases of the phrasebook: everything that can be said, one phrasing a line.

What stands in braces is a slot that `phrasebook.py` fills:

- `{picture}` and `{a_picture}`: "photo", "an image";
- `{fruit}`, `{a_fruit}` and `{plural}`: "apple", "an apple", "apples";
- `{number}` and `{quantity}`: "three", "three apples";
- `{fruits}`: all that a caption names, in any wording: "two apples next to a pear";
- `{listed}`: the same as the subject of a verb, so joined with "and" only;
- `{are}`, `{have}`, `{s}`, `{they}` and `{them}` agree with all of the fruits, `{there_are}` and
  `{here_are}` with the first;
- `{names}` and `{plurals}`: kinds of fruit: "apple and pear", "apples and pears".

A photo proves which fruits it shows and how many, and little else. So the phrases claim no
colours and no plates, and keep to what holds of nearly every photo.
"""

from __future__ import annotations

from collections.abc import Mapping


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.strip().split("\n"))


PICTURES = ("photo", "picture", "image", "photograph", "snapshot", "shot")
"""What people call a photo."""

CONNECTORS = (
    "next to",
    "beside",
    "along with",
    "as well as",
    "plus",
    "together with",
    "alongside",
    "accompanied by",
)
"""What may stand before the last fruit of a list where no verb follows, apart from "and"."""

CAPTIONS: Mapping[str, tuple[str, ...]] = {
    # What ends with the fruits may be followed by an ending.
    "caption": _lines("""
{a_picture} of {fruits}
{a_picture} showing {fruits}
{a_picture} that shows {fruits}
{a_picture} with {fruits}
{a_picture} with {fruits} in it
{a_picture} featuring {fruits}
{a_picture} in which {there_are} {fruits}
a close up of {fruits}
a close look at {fruits}
a close up {picture} of {fruits}
a simple {picture} of {fruits}
a clear {picture} of {fruits}
a clear view of {fruits}
a plain {picture} of {fruits}
an everyday {picture} of {fruits}
a proper look at {fruits}
a quick {picture} of {fruits}
a food {picture} with {fruits}
a still life of {fruits}
a still life with {fruits}
a portrait of {fruits}
a study of {fruits}
a scene with {fruits}
a simple scene with {fruits}
a view of {fruits}
a display of {fruits}
an arrangement of {fruits}
{here_are} {fruits}
{there_are} {fruits}
{there_are} {listed} here
{there_are} {fruits} in the {picture}
{there_are} {listed} to be seen
in this {picture} {there_are} {fruits}
this {picture} shows {fruits}
the {picture} shows {fruits}
the {picture} has {listed} in it
this {picture} shows {listed} and that is all
this is {a_picture} of {fruits}
it is {a_picture} of {fruits}
this {picture} was taken to show {fruits}
the camera is pointed at {fruits}
the camera has caught {fruits}
the lens is turned on {fruits}
the photographer has captured {fruits}
someone has photographed {fruits}
somebody took {a_picture} of {fruits}
someone wanted {a_picture} of {fruits}
we see {fruits}
we can see {fruits}
you can see {fruits}
here we have {fruits}
what you see here is {fruits}
we are looking at {fruits}
pictured here: {fruits}
to be seen here: {fruits}
in the frame: {fruits}
the subject of this {picture}: {fruits}
{listed} {are} in the {picture}
{listed} {are} shown in this {picture}
{listed} {are} on show
{listed} {are} in view
{listed} {are} in front of the camera
{listed} {are} what we see here
{listed} {are} all there is to see
{listed} {are} the subject of this {picture}
{listed} {are} there for the taking
{listed} {are} waiting for a hungry visitor
{listed} {are} here to be admired
{listed} appear{s} in this {picture}
{listed} pose{s} for {a_picture}
{listed} {have} been photographed
{listed} {have} been caught on camera
{listed} {have} been set out for {a_picture}
{listed}, and that is the whole {picture}
{listed}, the subject of a simple {picture}
look detailed and you will see {fruits}
whoever took this {picture} was looking at {fruits}
"""),
    "caption of one": _lines("""
a single {fruit}, and that is all
a solitary {fruit} in the {picture}
all alone in this {picture}: one {fruit}
just one {fruit} in the {picture}
just the one {fruit}
only one {fruit} is to be seen
one {fruit} has the {picture} to itself
{a_picture} of a single {fruit}
{a_picture} of one {fruit}
{a_picture} of just one {fruit}
{a_picture} of a lone {fruit}
a portrait of a single {fruit}
a close up of a single {fruit}
there is a single {fruit} in the {picture}
there is just one {fruit} here
this {picture} shows a single {fruit}
the only thing to look at is one {fruit}
"""),
    "caption of two": _lines("""
a pair: {listed}
a simple pair, {listed}
a portrait of a pair: {listed}
side by side: {listed}
both in the {picture}: {listed}
{listed} make a fine pair
{listed} posing as a pair
{listed} side by side in this {picture}
{listed}, both of them in the {picture}
"""),
    "caption of several": _lines("""
a group of {listed}
a collection of {listed}
a gathering of {listed}
a set of {listed}
a group {picture} of {listed}
{a_picture} of a group of {listed}
{a_picture} of a collection of {listed}
this {picture} brings together {listed}
all together now: {listed}
gathered in this {picture}: {listed}
{listed} have gathered for {a_picture}
"""),
    "caption of one kind": _lines("""
a total of {fruits}
a batch of {fruits}
a set of {fruits}, all alike
{a_picture} of a set of {fruits}
{a_picture} of a batch of {fruits}
all of a kind: {fruits}
altogether there are {fruits}
in all there are {fruits} to be seen
count them: {fruits}
{fruits}, every one of them in view
"""),
    "caption of several kinds": _lines("""
a mix of {listed}
a mixture of {listed}
an assortment of {listed}
a selection of {listed}
a combination of {listed}
a medley of {listed}
a colourful mix of {listed}
a meeting of {listed}
{a_picture} of a mix of {listed}
{a_picture} of an assortment of {listed}
this {picture} brings together different kinds: {listed}
this {picture} combines {listed}
different kinds in view: {listed}
{listed} share the {picture}
{listed} appear side by side
{listed} keep company in this {picture}
{listed} have been put together for {a_picture}
"""),
    "caption of no fruit": _lines("""
{a_picture} with no fruit
{a_picture} with no fruit in it
{a_picture} with no fruit to be seen
{a_picture} that shows no fruit
{a_picture} in which there is no fruit
{a_picture} of a scene with no fruit
a simple {picture} with no fruit in view
no fruit to be seen
no fruit in sight
no fruit at all in this {picture}
no fruit of any kind
no fruit has been photographed here
no fruit appears in this {picture}
there is no fruit to be found here
there is no fruit in this {picture}
there is no fruit to be seen
the {picture} shows no fruit
this {picture} has no fruit in it
the camera has caught no fruit
a scene with no fruit
a view with no fruit in it
we can see no fruit
you will find no fruit in this {picture}
look as long as you like, there is no fruit here
"""),
}
"""Captions, by what they are fit for."""

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "ending": _lines("""
in good light
in clear focus
in full view
in plain sight
on display
on a surface
laid out
laid out for the camera
against a plain background
against a simple backdrop
ready to eat
ready to be enjoyed
ready for tasting
waiting to be enjoyed
posing for the camera
seen up close
seen from close by
seen through the lens
as the camera saw {them}
, in sharp focus
, nicely framed
, photographed with care
, plain and simple
, simple and natural
, looking good
, looking fresh
, looking tasty
, looking delicious
, looking good enough to eat
, a treat for the eyes
, a healthy snack
, healthy and tasty
, a gift of nature
, straight from nature
"""),
    "ending of one": _lines("""
on its own
all on its own
by itself
all by itself
all alone
, alone in the frame
, just the one
, the only thing in view
, the star of the {picture}
with the frame to itself
"""),
    "ending of two": _lines("""
side by side
as a pair
, both in view
, both of them in full view
, both ready to eat
, both looking good
, a fine pair
, a nice pair
, a pair to look at
"""),
    "ending of several": _lines("""
together
all together
in a group
gathered together
grouped together
gathered in the frame
sharing the frame
, all in view
, all of them in view
, all laid out
, all ready to eat
, enough to share
"""),
    "ending of one kind": _lines("""
of the same kind
, all of a kind
, all of the same kind
, a matching set
, a nice set
, easy to count
"""),
    "ending of several kinds": _lines("""
in a colourful mix
in a healthy mix
in good company
, a mixed selection
, a fine assortment
, a varied snack
, a feast for the eyes
, an inviting mix
, something for every taste
, each with a taste of its own
"""),
}
"""What may follow the fruits at the end of a caption, by what it is fit for."""

LOOKS = _lines("""
fresh
fine
lovely
nice
beautiful
tasty
delicious
good looking
fresh looking
tasty looking
healthy looking
appetising
""")
"""What may be said of any fruit."""

OPENERS = _lines("""
hello,
hi there,
excuse me,
so,
ok,
well,
now,
tell me,
quick question:
one question:
just wondering,
out of curiosity,
take a look:
let us see:
i wonder,
""")
"""What a person may say before a question."""

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "count": _lines("""
how many {plural} are there?
how many {plural} are here?
how many {plural} are there in all?
how many {plural} are there altogether?
how many {plural} are in the {picture}?
how many {plural} are in this {picture}?
how many {plural} are there in this {picture}?
how many {plural} are shown?
how many {plural} are shown in the {picture}?
how many {plural} are visible?
how many {plural} are on show here?
how many {plural} are in view?
how many {plural} can you see?
how many {plural} can you see in the {picture}?
how many {plural} can you count?
how many {plural} can you find in this {picture}?
how many {plural} can be seen here?
how many {plural} can we see?
how many {plural} do you see?
how many {plural} do you see in this {picture}?
how many {plural} do you count?
how many {plural} do we have here?
how many {plural} does the {picture} show?
how many {plural} does this {picture} contain?
how many {plural} has the camera caught?
how many {plural} have been photographed?
how many {plural} appear in the {picture}?
how many {plural} make it into the {picture}?
how many {plural} would you say there are?
how many of these are {plural}?
how many of the fruits are {plural}?
how many of the fruits in this {picture} are {plural}?
what is the number of {plural}?
what is the number of {plural} in the {picture}?
what number of {plural} do you see?
what is your count of {plural}?
what is the exact number of {plural} here?
can you count the {plural}?
can you count the {plural} in this {picture}?
can you tell me how many {plural} there are?
could you count the {plural} for me?
could you tell me the number of {plural}?
do you know how many {plural} are in the {picture}?
count the {plural}
count the {plural} in the {picture}
count all the {plural} you can see
please count the {plural}
please tell me how many {plural} you see
tell me how many {plural} there are
tell me the number of {plural} in this {picture}
give me the number of {plural}
give me a count of the {plural}
find out how many {plural} are shown here
say how many {plural} the {picture} shows
i would like to know how many {plural} there are
i want to know the number of {plural}
"""),
    "total": _lines("""
how many fruits are there?
how many fruits are there in all?
how many fruits are there altogether?
how many fruits are there in total?
how many fruits are in the {picture}?
how many fruits are there in this {picture}?
how many fruits are shown here?
how many fruits are visible?
how many fruits can you see?
how many fruits can you count in the {picture}?
how many fruits can be seen altogether?
how many fruits do you see?
how many fruits do you see in this {picture}?
how many fruits does the {picture} show?
how many fruits does the {picture} show in total?
how many fruits have been photographed?
how many fruits appear in this {picture}?
how many fruits do we have, all kinds together?
how many pieces of fruit are there?
how many pieces of fruit are in the {picture}?
how many pieces of fruit can you see?
how many pieces of fruit does this {picture} show?
how many single fruits are there?
how many things here are fruits?
how much fruit is there?
how much fruit is in the {picture}?
how much fruit can you see here?
what is the number of fruits?
what is the number of fruits in this {picture}?
what is the total number of fruits?
what is the total number of fruits in the {picture}?
what is the total number of pieces of fruit?
what do you get when you count all the fruit?
can you count all the fruits?
can you tell me how many fruits there are?
could you count the fruit in this {picture}?
could you give me the total number of fruits?
do you know how many fruits are in the {picture}?
count the fruits
count the fruit in the {picture}
count all the fruits you can see
count every piece of fruit
please count the fruits in this {picture}
please tell me how many fruits you see
tell me how many fruits there are in total
tell me the total number of fruits
give me the number of fruits in the {picture}
i would like to know how many fruits are here
"""),
    "identify": _lines("""
which fruits are there?
which fruits are here?
which fruits are these?
which fruits are in the {picture}?
which fruits are shown in this {picture}?
which fruits can you see?
which fruits can you see in the {picture}?
which fruits can be seen here?
which fruits do you see?
which fruits do you see in this {picture}?
which fruits does the {picture} show?
which fruits appear in this {picture}?
which fruits have been photographed?
which fruits do we have here?
which fruit is this?
which fruit is in the {picture}?
which kinds of fruit are there?
which kinds of fruit do you see?
which kinds of fruit are in this {picture}?
which sorts of fruit are on show?
which types of fruit can you make out?
what fruit is this?
what fruit is in this {picture}?
what fruit can you see here?
what fruits are these?
what fruits are shown in the {picture}?
what fruits can you spot?
what fruits do you recognise?
what kind of fruit is this?
what kind of fruit does the {picture} show?
what kinds of fruit are there?
what kinds of fruit can be seen in this {picture}?
what sort of fruit is that?
what sorts of fruit can you find here?
what type of fruit is in the {picture}?
what types of fruit are visible?
what is this fruit called?
what is the fruit in this {picture}?
what are these fruits called?
what are the fruits in the {picture}?
what do you see in this {picture}?
what can you see in the {picture}?
what is in the picture?
what is in this photo?
what is there in the image?
can you name the fruits in this {picture}?
can you tell what kinds of fruit these are?
could you tell me which fruits these are?
could you list the fruits you see?
do you know what fruit this is?
do you know which fruits are in the {picture}?
name the fruits
name the fruits in the {picture}
name every fruit you can see
name all the kinds of fruit in this {picture}
please name the fruits shown here
please tell me which fruits you see
list the fruits in the {picture}
list all the kinds of fruit
list every fruit that appears here
identify the fruits in this {picture}
identify every kind of fruit you can see
tell me what fruits are in the {picture}
tell me which kinds of fruit there are
i would like to know which fruits are here
"""),
    "presence": _lines("""
is there {a_fruit}?
is there {a_fruit} here?
is there {a_fruit} in the {picture}?
is there {a_fruit} in this {picture}?
is there {a_fruit} to be seen?
is there {a_fruit} among the fruits?
is there {a_fruit} anywhere in the {picture}?
is there at least one {fruit} in this {picture}?
is there any sign of {a_fruit}?
are there {plural} in the {picture}?
are there {plural} here?
are there any {plural}?
are there any {plural} here?
are there any {plural} in this {picture}?
are there any {plural} to be seen in the {picture}?
are there any {plural} among these fruits?
are any {plural} shown in the {picture}?
are any of these {plural}?
are any of the fruits {plural}?
can you see {a_fruit}?
can you see {a_fruit} in this {picture}?
can you see any {plural}?
can you see any {plural} in the {picture}?
can you spot {a_fruit}?
can you spot any {plural} here?
can you find {a_fruit} in the {picture}?
can you find any {plural}?
can we see any {plural} here?
could you find {a_fruit} in this {picture}?
do you see {a_fruit}?
do you see {a_fruit} here?
do you see any {plural}?
do you see any {plural} in this {picture}?
do you spot any {plural} in the {picture}?
do we have {a_fruit} here?
do we have any {plural} in the {picture}?
does the {picture} show {a_fruit}?
does the {picture} show any {plural}?
does this {picture} contain {a_fruit}?
does this {picture} contain any {plural}?
does the {picture} have {a_fruit} in it?
does this {picture} include {a_fruit}?
does the {picture} include any {plural}?
has the {picture} got {a_fruit} in it?
has the camera caught any {plural}?
have you got any {plural} in this {picture}?
any {plural} here?
any {plural} in the {picture}?
any sign of {a_fruit} in this {picture}?
would you say there is {a_fruit} here?
is it true that there is {a_fruit} in the {picture}?
can you tell me whether there is {a_fruit}?
do you know if there are any {plural} in this {picture}?
tell me if there is {a_fruit}
tell me whether you see any {plural}
please check whether there is {a_fruit} in the {picture}
please say if there are any {plural}
check if there are any {plural} in this {picture}
have a look for any {plural}
i need {a_fruit}, is there one here?
i would like to know if there are any {plural}
"""),
    "any fruit": _lines("""
is there any fruit?
is there any fruit here?
is there any fruit in the {picture}?
is there any fruit to be seen in this {picture}?
is there fruit in the {picture}?
is there fruit of any kind?
is there some fruit here?
are there any fruits?
are there any fruits in the {picture}?
are there fruits in this {picture}?
can you see any fruit?
can you see any fruit in this {picture}?
can you spot any fruit here?
can you find any fruit in the {picture}?
do you see any fruit?
do you see any fruits in the {picture}?
do we have any fruit here?
does the {picture} show any fruit?
does this {picture} contain any fruit?
does the {picture} have fruit in it?
has the camera caught any fruit?
any fruit here?
any fruit in this {picture}?
tell me if there is any fruit
please check whether there is any fruit in the {picture}
i would like to know if there is any fruit
"""),
}
"""Questions, by kind; "any fruit" asks for the presence of any."""

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "count: none": _lines("""
there are no {plural}
there are no {plural} here
there are no {plural} in the {picture}
there is no {fruit} in this {picture}
there are zero {plural}
there are none
there are none in the {picture}
none at all
none that i can see
no {plural} at all
no {plural} in this {picture}
no {plural} can be seen
i see no {plural}
i can see no {plural}
i count zero {plural}
i found no {plural}
i looked for {plural} and found none
it shows no {plural}
the {picture} has no {plural} in it
the number of {plural} is zero
"""),
    "count: one": _lines("""
there is one {fruit}
there is one {fruit} here
there is one {fruit} in the {picture}
there is just one {fruit}
there is only one {fruit}
there is a single {fruit}
there is just the one
i see one {fruit}
i can see just one {fruit}
i can see {a_fruit}, just the one
i count one {fruit}
it shows one {fruit}
the {picture} shows a single {fruit}
just one {fruit}
only one {fruit}
exactly one {fruit}
one {fruit} in all
one {fruit} in this {picture}
one {fruit} can be seen
a single {fruit} and that is it
the number of {plural} is one
"""),
    "count: many": _lines("""
there are {quantity}
there are {quantity} here
there are {quantity} in the {picture}
there are exactly {quantity}
there are {quantity} in all
there are {number}
there are {number} of them
altogether there are {quantity}
i see {quantity}
i can see {quantity}
i can see {quantity} in this {picture}
i count {quantity}
i count {number} of them
you can see {quantity}
we can see {quantity} here
it shows {quantity}
the {picture} shows {quantity}
the {picture} has {quantity} in it
{quantity} in all
{quantity} in this {picture}
{quantity} can be seen
exactly {quantity}
a total of {quantity}
that makes {quantity}
the number of {plural} is {number}
"""),
    "total: none": _lines("""
there is no fruit
there is no fruit here
there is no fruit in the {picture}
there are no fruits
there are no fruits in this {picture}
there are zero fruits
there is none to be seen
no fruit at all
no fruit in this {picture}
no fruits can be seen
i see no fruit
i can see no fruit here
i count zero fruits
i found no fruit
it shows no fruit
the {picture} shows no fruits
the number of fruits is zero
the total is zero
"""),
    "total: one": _lines("""
there is one fruit
there is one fruit here
there is one fruit in the {picture}
there is just one fruit
there is only one piece of fruit
there is one piece of fruit in this {picture}
i see one fruit
i can see just one fruit
i count one fruit
i count just one piece of fruit
it shows one fruit
the {picture} shows one piece of fruit
just one fruit
only one fruit
one piece of fruit
one fruit in all
one fruit can be seen
the total number of fruits is one
the total is one
"""),
    "total: many": _lines("""
there are {number} fruits
there are {number} fruits here
there are {number} fruits in the {picture}
there are {number} fruits in all
there are {number} fruits in total
there are {number} pieces of fruit
there are {number} altogether
altogether there are {number} fruits
i see {number} fruits
i can see {number} pieces of fruit
i can see {number} fruits in this {picture}
i count {number} fruits
i count {number} pieces of fruit
i count {number} in all
it shows {number} fruits
the {picture} shows {number} fruits
{number} fruits in all
{number} fruits altogether
{number} pieces of fruit in this {picture}
a total of {number} fruits
that makes {number} fruits in total
the total number of fruits is {number}
the total is {number}
"""),
    "identify: none": _lines("""
it shows no fruit at all
it shows no fruit of any kind
there is no fruit to name
there is no fruit to be seen here
there is no fruit of any kind
there is no fruit in view
there are no fruits to be seen
no fruit to be found
no fruit that i know of
no fruit that i can see
i see no fruit in the {picture}
i see no fruit of any kind
i can see no fruit in this {picture}
i recognise no fruit
i find no fruit here
the {picture} has no fruit in it
the {picture} shows no fruit of any kind
"""),
    "identify: one": _lines("""
the fruit is {fruit}
the fruit here is {fruit}
the fruit in the {picture} is {fruit}
the only kind of fruit is {fruit}
the only fruit i see is {fruit}
the kind of fruit is {fruit}
the name of the fruit is {fruit}
this kind of fruit is called {fruit}
one kind of fruit: {fruit}
just one kind, {fruit}
just {plural}
only {plural}
every fruit i see is {a_fruit}
it shows one kind of fruit, {fruit}
i see one kind of fruit, {fruit}
the {picture} shows one kind of fruit: {fruit}
i recognise one kind, {fruit}
there is one kind of fruit here, {fruit}
"""),
    "identify: several": _lines("""
it shows {plurals}
the {picture} shows {plurals}
the {picture} shows {names}
the {picture} has {plurals} in it
there are {plurals}
there are {plurals} here
there are {plurals} in the {picture}
here we have {plurals}
i see {plurals}
i can see {plurals}
i can see {plurals} in this {picture}
i recognise {plurals}
you can see {plurals}
we can see {plurals} here
they are {plurals}
these are {plurals}
the fruits are {names}
the fruits here are {names}
the fruits in the {picture} are {names}
the kinds of fruit are {names}
the kinds i can see are {names}
i see these kinds of fruit: {names}
different kinds: {names}
a mix of {plurals}
"""),
    "presence: yes": _lines("""
yes, there is
yes, clearly
yes, there is {a_fruit}
yes, there is {a_fruit} here
yes, there is {a_fruit} in the {picture}
yes, there is {a_fruit} to be seen
yes indeed, there is {a_fruit}
yes, look, there is {a_fruit}
there is {a_fruit} here
there is indeed {a_fruit} in the {picture}
yes, i see {a_fruit}
yes, i can see {a_fruit}
yes, i can see {a_fruit} in this {picture}
yes, i found {a_fruit}
yes, you can see {a_fruit}
yes, we can see {a_fruit} here
yes, it shows {a_fruit}
yes, the {picture} shows {a_fruit}
yes, {a_fruit} can be seen
yes, {a_fruit} is in the {picture}
"""),
    "presence: no": _lines("""
no, none
no, none at all
no, there are none to be seen
no, there are none here
no, there is no {fruit}
no, there is no {fruit} in the {picture}
no, there are no {plural}
no, there are no {plural} here
no, there are no {plural} in this {picture}
there are no {plural} to be seen
there is no {fruit} here
no, i see no {plural}
no, i see no {fruit} here
no, i can't see any {plural}
no, i don't see any {plural} in the {picture}
no, it shows no {plural}
no, the {picture} shows no {fruit}
no, no {plural} can be seen
i looked but there is no {fruit}
"""),
    "any fruit: yes": _lines("""
yes, there is fruit
yes, there is fruit here
yes, there is fruit in the {picture}
yes, there is some fruit
yes, there is some fruit to be seen
yes indeed, there is fruit
there is fruit in this {picture}
there is some fruit here
yes, i see fruit
yes, i can see fruit
yes, i can see some fruit in the {picture}
yes, i found some fruit
yes, you can see fruit here
yes, it shows fruit
yes, the {picture} shows fruit
yes, the {picture} shows some fruit
yes, fruit can be seen
"""),
    "any fruit: no": _lines("""
no, there is no fruit
no, there is no fruit here
no, there is no fruit in the {picture}
no, there is no fruit at all
no, there is no fruit of any kind
no, there are no fruits
no, there are no fruits in this {picture}
there is no fruit in sight
no, i see no fruit
no, i see no fruit here
no, i can't see any fruit
no, i don't see any fruit in the {picture}
no, it shows no fruit
no, the {picture} shows no fruit
no, no fruit can be seen
i looked but there is no fruit here
"""),
}
"""Answers, by the kind of question and of answer."""

TABLES: Mapping[str, tuple[str, ...]] = {
    **CAPTIONS,
    **ENDINGS,
    "look": LOOKS,
    "opener": OPENERS,
    **QUESTIONS,
    **ANSWERS,
}
"""Every table there is, by name. No phrasing stands in two of them."""
