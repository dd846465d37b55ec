#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds parse/toml against Python's tomllib: the same documents must be accepted, with the same values in the same order.

  toml_differential.py TOML-DUMP CORPUS [--seed N] [--documents N]
  toml_differential.py TOML-DUMP FILE...

Documents are every file below CORPUS, and those that a grammar makes, half of them damaged afterwards. The seed is printed; --seed repeats a run.
A difference prints both answers and the document, and makes the exit status 1.

Where the two differ on purpose (each needs its cause to be in the document, and is counted):
  limits     bytes, levels and values of a document are bounded here (tomllib: by memory and Python's stack)
  integer    an integer beyond 64 bits is an error, as TOML has it (tomllib: any size)
  NUL        "\\u0000" is refused here: strings become C strings
  second 60  a leap second is a time in RFC 3339 (tomllib: datetime has none)
  year 0     0000 is a year in RFC 3339 (tomllib: datetime begins with 1)
"""

import collections
import datetime
import json
import os
import random
import struct
import subprocess
import sys
import time
import tomllib

ARGUMENTS = -2 ** 63, 2 ** 63 - 1
RESOURCE_EXHAUSTED = 8


# ---------------------------------------------------------------- both sides in one form

def walk(value):
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


def theirs(value):
    """tomllib's value as toml_dump prints it, but for dates."""
    if isinstance(value, dict):
        return {"table": [[key.encode().hex(), theirs(v)] for key, v in value.items()]}
    if isinstance(value, list):
        return {"array": [theirs(v) for v in value]}
    if isinstance(value, bool):
        return {"boolean": value}
    if isinstance(value, int):
        return {"integer": "%016x" % (value & (1 << 64) - 1)}
    if isinstance(value, float):
        return {"float": "nan" if value != value else struct.pack(">d", value).hex()}
    if isinstance(value, str):
        return {"string": value.encode().hex()}
    if isinstance(value, datetime.datetime):
        return {"local-datetime" if value.tzinfo is None else "offset-datetime": value.isoformat(timespec="microseconds")}
    if isinstance(value, datetime.date):
        return {"local-date": value.isoformat()}
    return {"local-time": value.isoformat(timespec="microseconds")}


def iso(text):
    """A date or time as written, in the form of Python's isoformat with microseconds."""
    text = text.upper().replace(" ", "T")
    date, _, clock = text.partition("T") if text[2] != ":" else ("", "", text)
    if not clock:
        return date
    zone = ""
    if clock[-1] == "Z":
        clock, zone = clock[:-1], "+00:00"
    elif len(clock) > 6 and clock[-6] in "+-":
        clock, zone = clock[:-6], clock[-6:].replace("-00:00", "+00:00")
    second, _, fraction = clock.partition(".")
    return (date + "T" if date else "") + second + "." + fraction[:6].ljust(6, "0") + zone


def ours(value):
    """toml_dump's value with dates and not-a-numbers in one form."""
    (kind, inner), = value.items()
    if kind == "table":
        return {kind: [[key, ours(v)] for key, v in inner]}
    if kind == "array":
        return {kind: [ours(v) for v in inner]}
    if kind == "float" and inner[:3] in ("7ff", "fff") and int(inner[3:], 16):
        return {kind: "nan"}
    if kind.endswith(("date", "time")):
        return {kind: iso(bytes.fromhex(inner).decode())}
    return value


def dates(value):
    (kind, inner), = value.items()
    if kind in ("table", "array"):
        for v in inner:
            yield from dates(v[1] if kind == "table" else v)
    elif kind.endswith(("date", "time")):
        yield inner


# ---------------------------------------------------------------- the comparison

class Dump:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def parse(self, document):
        self.child.stdin.write(b"%d\n%b" % (len(document), document))
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit("toml_dump ended (status %s) on %r" % (self.child.wait(), document))
        return json.loads(line)


def deviation(expected, answer):
    """Why the two may differ on this document, or None."""
    if "error" in answer and expected is not None:
        message = bytes.fromhex(answer["message"]).decode()
        if answer["error"] == RESOURCE_EXHAUSTED:
            return "limits"
        if "does not fit into 64 bits" in message and any(type(v) is int and not ARGUMENTS[0] <= v <= ARGUMENTS[1] for v in walk(expected)):
            return "integer"
        if "a NUL in a string" in message and any("\0" in text for v in walk(expected) for text in (v if isinstance(v, (str, dict)) else ())):
            return "NUL"
    if "error" not in answer and expected is None:
        for text in dates(ours(answer)):
            if ":60." in text:
                return "second 60"
            if text.startswith("0000-"):
                return "year 0"
    return None


def compare(dump, document, counts):
    """None, or what differs."""
    try:
        expected = tomllib.loads(document.decode())
    except (ValueError, RecursionError) as error:  # of which UnicodeDecodeError and TOMLDecodeError are kinds
        expected, refusal = None, error
    answer = dump.parse(document)
    if "error" in answer and expected is None:
        counts["refused by both"] += 1
        return None
    why = deviation(expected, answer)
    if why:
        counts["differing on purpose: " + why] += 1
        return None
    if "error" in answer:
        return "refused with %s, but tomllib has %r" % (bytes.fromhex(answer["message"]).decode(), expected)
    if expected is None:
        return "accepted as %r, but tomllib says: %s" % (ours(answer), refusal)
    if ours(answer) != theirs(expected):
        return "%r, but tomllib has %r" % (ours(answer), theirs(expected))
    counts["accepted by both"] += 1
    return None


# ---------------------------------------------------------------- documents by a grammar

def reads(text):
    try:
        tomllib.loads(text)
        return True
    except ValueError:
        return False


class Grammar:
    """Few different keys, so that definitions meet; each rule now and then does what is only nearly right."""

    def __init__(self, rng):
        self.rng = rng
        self.names = ["a", "b", "c"][:rng.randint(1, 3)]

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, percent):
        return self.rng.randrange(100) < percent

    def blank(self):
        return self.pick("", "", " ", "\t", "  ")

    def newline(self):
        return self.pick("\n", "\n", "\n", "\r\n")

    def comment(self):
        return "#" + self.pick("", " a", " \u00e9\U0001f600", "\t#", " \"'[") if self.chance(15) else ""

    def gap(self):
        return self.blank() + "".join(self.comment() + self.newline() + self.blank() for _ in range(self.rng.randrange(3) if self.chance(30) else 0))

    def simple_key(self):
        if self.chance(80):
            return self.pick(*self.names)
        return self.pick("d", '"a"', "'b'", '"\\u0063"', '""', "''", "1", "-", "_", "a-b", "\"\u00e9\"", '"a.b"', "true", "1979-05-27")

    def key(self, most=3):
        return (self.blank() + "." + self.blank()).join(self.simple_key() for _ in range(self.rng.randint(1, most) if self.chance(45) else 1))

    def characters(self, lines):
        out = []
        for _ in range(self.rng.randrange(6)):
            out.append(self.pick("a", "b", " ", "\u00e9", "\u20ac", "\U0001f600", "\t", "#", "=", "."))
            if lines and self.chance(20):
                out.append(self.newline())
        return out

    def basic(self, lines):
        out = self.characters(lines)
        for _ in range(self.rng.randrange(3)):
            escape = self.pick("\\n", "\\t", "\\\"", "\\\\", "\\b", "\\f", "\\r", "\\u00e9", "\\U0001F600", "\\uD7FF", "\\uE000", "\\U0010FFFF",
                               *(["\\" + self.blank() + self.newline() + self.gap_in_string(), '"', '""', "'''"] if lines else ["'"]),
                               *(["\\u0000", "\\uD800", "\\U00110000", "\\x41", "\\e", "\\u12", "\\ "] if self.chance(10) else []))
            out.insert(self.rng.randint(0, len(out)), escape)
        return "".join(out)

    def gap_in_string(self):
        return "".join(self.pick(" ", "\t", "\n", "\r\n") for _ in range(self.rng.randrange(4)))

    def string(self):
        form = self.rng.randrange(4)
        if form == 0:
            return '"' + self.basic(False) + '"'
        if form == 1:
            return "'" + "".join(self.characters(False)) + self.pick("", "\\", '"') + "'"
        if form == 2:
            return '"""' + self.pick("", "\n", "\r\n") + self.basic(True) + self.pick("", "", '"', '""') + '"""'
        return "'''" + self.pick("", "\n", "\r\n") + "".join(self.characters(True)) + self.pick("", "", "'", "''", "\\") + "'''"

    def digits(self, alphabet, most):
        out = "".join(self.pick(*alphabet) for _ in range(self.rng.randint(1, most)))
        if len(out) > 2 and self.chance(30):
            at = self.rng.randint(0 if self.chance(10) else 1, len(out) - 1)
            out = out[:at] + "_" + out[at:]
        return out

    def integer(self):
        if self.chance(20):
            return self.pick("0", "-0", "+0", "9223372036854775807", "-9223372036854775808", "0x7fffffffffffffff", "0xDEAD_beef", "0o755", "0b1101",
                             "9223372036854775808", "-9223372036854775809", "0x8000000000000000", "0o1000000000000000000000", "0x" + "0" * 40 + "1")
        if self.chance(20):
            base = self.pick(("0x", "0123456789abcdefABCDEF"), ("0o", "01234567"), ("0b", "01"))
            return base[0] + self.digits(base[1], 18)
        return self.pick("", "", "+", "-") + self.pick("", "1", "7") + self.digits("0123456789", 20 if self.chance(10) else 12)

    def halfway(self):
        """A number right between two doubles, of up to 768 digits, or just beside it."""
        power = self.pick(1075, self.rng.randint(1, 1075))
        digits = str((2 * self.rng.randrange(2 ** self.rng.randrange(53)) + 1) * 5 ** power)
        return self.pick(digits, digits[:-1] + "4", digits[:-1] + "6", digits + "." + "0" * 90 + "1") + "e-%d" % power

    def decimal(self):
        if self.chance(5):
            return self.halfway()
        if self.chance(15):
            return self.pick("inf", "-inf", "+inf", "nan", "+nan", "-nan", "-0.0", "0e0", "0.0", "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
                             "1.7976931348623157e308", "1.7976931348623159e308", "2.2250738585072011e-308", "9007199254740993.0", "1e400", "1e-400",
                             "0." + "0" * 400 + "1e400", "1" + "0" * 400 + "e-400", "1e99999999999999999999", "9007199254740992." + "9" * 900,
                             "9007199254740993." + "0" * 900 + "1", "9007199254740993" + "0" * 900 + "1e-901", "0.1e-1_0")
        sign, whole = self.pick("", "", "+", "-"), self.pick("0", self.pick("1", "9") + self.digits("0123456789", 18), self.digits("123456789", 3))
        fraction = "." + self.digits("0123456789", 25) if self.chance(70) else ""
        exponent = self.pick("e", "E") + self.pick("", "+", "-") + self.digits("0123456789", 3) if not fraction or self.chance(40) else ""
        return sign + whole + fraction + exponent

    def date(self):
        if self.chance(20):
            return self.pick("2000-02-29", "1900-02-29", "2023-02-29", "2024-02-29", "2024-02-30", "2024-04-31", "0000-01-01", "0001-01-01", "9999-12-31",
                             "2024-00-10", "2024-13-01", "2024-01-00", "2024-1-01")
        return "%04d-%02d-%02d" % (self.rng.randint(1, 9999), self.rng.randint(1, 12), self.rng.randint(1, 30))

    def clock(self):
        fraction = "." + "".join(self.pick(*"0123456789") for _ in range(self.rng.randint(0 if self.chance(5) else 1, 9))) if self.chance(40) else ""
        return self.pick("%02d:%02d:%02d" % (self.rng.randrange(24), self.rng.randrange(60), self.rng.randrange(60)), "23:59:59", "00:00:00",
                         *(["24:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00"] if self.chance(20) else [])) + fraction

    def datetime(self):
        form = self.rng.randrange(4)
        if form == 0:
            return self.date()
        if form == 1:
            return self.clock()
        zone = self.pick("Z", "z", "+00:00", "-00:00", "-07:30", "+23:59", *(["+24:00", "+1:00", "+0100", "+01:60", "Z "] if self.chance(10) else []))
        return self.date() + self.pick("T", "t", " ") + self.clock() + (zone if form == 2 else "")

    def value(self, depth=0):
        kind = self.rng.randrange(100)
        if kind < 12 and depth < 4:
            return self.array(depth)
        if kind < 26 and depth < 4:
            return self.inline_table(depth)
        if kind < 46:
            return self.string()
        if kind < 62:
            return self.integer()
        if kind < 74:
            return self.decimal()
        if kind < 88:
            return self.datetime()
        return self.pick("true", "false", "true", "false", "1", "2") if not self.chance(3) else self.pick("True", "", "a", "0x", "1__0", "01", ".5", "5.", "+0x1", "truefalse")

    def array(self, depth):
        items = [self.gap() + self.value(depth + 1) + self.gap() for _ in range(self.rng.randrange(4))]
        return "[" + (",".join(items) + ("," + self.gap() if items and self.chance(30) else "") or self.gap()) + "]"

    def inline_table(self, depth):
        items = [self.blank() + self.key(2) + self.blank() + "=" + self.blank() + self.value(depth + 1) + self.blank() for _ in range(self.rng.randrange(4))]
        return "{" + ",".join(items) + ("," if self.chance(1) else "") + "}"

    def line(self):
        kind = self.rng.randrange(100)
        if kind < 20:
            inner = "[" + self.blank() + self.key() + self.blank() + "]"
        elif kind < 38:
            inner = "[[" + self.blank() + self.key() + self.blank() + "]]"
        elif kind < 92:
            inner = self.key() + self.blank() + "=" + self.blank() + self.value()
        else:
            inner = ""
        return self.blank() + inner + self.blank() + self.comment() + self.newline()

    def document(self):
        """Most lines that would make the document a bad one are dropped again: few of those with a dozen lines would be left."""
        text = ""
        for _ in range(self.rng.randint(1, 12)):
            line = self.line()
            if self.chance(3) or reads(text + line):
                text += line
        return (text.rstrip("\r\n") if self.chance(20) else text).encode()

    def damage(self, text):
        text = bytearray(text)
        for _ in range(self.rng.randint(1, 3)):
            at = self.rng.randint(0, len(text))
            kind = self.rng.randrange(6)
            if kind == 0:
                del text[at:at + self.rng.randint(1, 4)]
            elif kind == 1:
                text[at:at] = self.pick(b"\"", b"'", b"\\", b"[", b"]", b"{", b"}", b",", b".", b"=", b"#", b"\n", b"\r", b"\0", b"\x7f", b"_", b"-", b"+", b"0",
                                        b"e", b" ", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b'"""', b"'''", b"[[")
            elif kind == 2 and text:
                text[min(at, len(text) - 1)] = self.rng.randrange(256)
            elif kind == 3:
                to = self.rng.randint(at, min(len(text), at + 20))
                text[at:at] = text[at:to]
            elif kind == 4:
                lines = text.splitlines(keepends=True)
                if lines:
                    lines.insert(self.rng.randint(0, len(lines)), self.pick(*lines))
                    text = bytearray(b"".join(lines))
            else:
                del text[at:]
        return bytes(text)


def generated(seed, n):
    for i in range(n):
        # Each document has a seed of its own, so that a change of the grammar's length does not move the others.
        grammar = Grammar(random.Random("%d %d" % (seed, i)))
        text = grammar.document()
        yield "document %d of --seed %d" % (i, seed), grammar.damage(text) if i % 2 else text


def files(paths):
    for path in paths:
        names = [os.path.join(folder, name) for folder, _, found in os.walk(path) for name in found] if os.path.isdir(path) else [path]
        for name in sorted(names):
            with open(name, "rb") as f:
                yield name, f.read()


def main(program, *arguments):
    options = {"--seed": int(time.time()), "--documents": 6000 if any(os.path.isdir(a) for a in arguments) else 0}
    paths = list(arguments)
    for name in options:
        if name in paths:
            at = paths.index(name)
            options[name] = int(paths[at + 1])
            del paths[at:at + 2]
    sys.set_int_max_str_digits(0)
    dump, counts, bad, n = Dump(program), collections.Counter(), 0, 0
    print("seed %d" % options["--seed"])
    for source in files(paths), generated(options["--seed"], options["--documents"]):
        for name, document in source:
            n += 1
            what = compare(dump, document, counts)
            if what:
                bad += 1
                print("%s: %s\n  %r" % (name, what, document))
    for name, count in sorted(counts.items()):
        print("%6d %s" % (count, name))
    print("%d documents, %d differences" % (n, bad))
    enough = not options["--documents"] or min(counts["accepted by both"], counts["refused by both"]) * 5 > options["--documents"]
    if not enough:
        print("the grammar leans too much to one side to show anything")
    return 1 if bad or not n or not enough else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else __doc__)
