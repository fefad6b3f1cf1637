#!/usr/bin/env python3
"""Says of a Runledger evidence bundle whether it is genuine, complete and unaltered.

    python3 runledger_verify.py BUNDLE [--policy FILE] [--key VKEY]... [--since-checkpoint FILE]... [--tsa-cert FILE]
        [--shard NAME] [--json]

BUNDLE is a tar or an unpacked directory. Needs Python 3.9 and the program openssl, nothing else. Written from
docs/bundle.md and the C2SP specifications tlog-tiles, tlog-checkpoint, signed-note, tlog-policy and tlog-proof; it
shares no line with the other verifier. Exit codes: 0 VERIFIED, 1 TAMPERED, 2 INCOMPLETE, 3 UNTRUSTED, 4 UNREADABLE.
"""
import argparse, base64, calendar, collections, datetime, hashlib, hmac, json, math, os, re, stat, struct, subprocess, sys, tempfile, time

CODES = {"VERIFIED": 0, "TAMPERED": 1, "INCOMPLETE": 2, "UNTRUSTED": 3, "UNREADABLE": 4}
ORDER = ["TAMPERED", "UNREADABLE", "UNTRUSTED", "INCOMPLETE"]
BLOCK, WIDTH = 512, 256
MAX_FILE = 1 << 20
MAX_ANCHORS = 1 << 24
MESSAGES = "application/vnd.runledger.messages+json"
DELTA = "application/vnd.runledger.delta"
HEX64 = re.compile(r"[0-9a-f]{64}\Z")


class Unreadable(Exception):
    """What the caller gave can't be used."""


class Broken(Exception):
    """After this nothing further can be read."""

    def __init__(self, verdict, where, what):
        super().__init__(what)
        self.verdict, self.where = verdict, where


class Findings:
    def __init__(self):
        self.list, self.total, self.kinds = [], 0, set()

    def add(self, verdict, where, what):
        self.kinds.add(verdict)
        self.total += 1
        if len(self.list) < 100:
            self.list.append({"verdict": verdict, "where": where, "what": what})

    def verdict(self):
        return next((kind for kind in ORDER if kind in self.kinds), "VERIFIED")


class Within:
    """Findings of one log of several: their places begin with its name."""

    def __init__(self, findings, name):
        self.findings, self.name = findings, name

    def add(self, verdict, where, what):
        self.findings.add(verdict, "%s: %s" % (self.name, where), what)


# --- JSON as RFC 8785 writes it -----------------------------------------------------------------------------------

MAX_NESTING = 1000
sys.setrecursionlimit(10_000)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def utf16(text):
    return text.encode("utf-16-be", "surrogatepass")


def number(value):
    """As ECMAScript writes a double (Number::toString), which RFC 8785 asks for; repr gives the same shortest digits."""
    if value == 0:
        return "0"
    if abs(value) == float("inf"):
        raise ValueError("JSON has no infinity")
    sign, mantissa, exponent = re.fullmatch(r"(-?)([0-9.]+)(?:e([-+][0-9]+))?", repr(float(value))).groups()
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = "%s%s%se%+d" % (digits[0], "." if len(digits) > 1 else "", digits[1:], point - 1)
    return sign + text


def canonical(value):
    if isinstance(value, dict):
        return "{%s}" % ",".join(["%s:%s" % (canonical(k), canonical(value[k])) for k in sorted(value, key=utf16)])
    if isinstance(value, list):
        return "[%s]" % ",".join([canonical(each) for each in value])
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def no_doubles(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def no_number(text):
    raise ValueError("JSON has no " + text)


FLOATS = []


def parse_double(text):
    """A whole number as int where doubles tell all of them apart; others are noted in FLOATS."""
    value = float(text)
    if value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    FLOATS.append(value)
    return value


CANONICAL = json.JSONDecoder(object_pairs_hook=no_doubles, parse_constant=no_number, parse_int=parse_double, parse_float=parse_double)
BEYOND_FFFF = re.compile("[\U00010000-\U0010ffff]")


def nests_deeper(text, limit):
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    # A string without an end takes all that follows: looked for anew at each quote it would take the square of its length.
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.S):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > limit:
            return True
    return False


def parse_canonical(data):
    """The value of bytes that are its one spelling by RFC 8785, nested at most MAX_NESTING deep; None for all else, and for null."""
    try:
        text = data.decode("utf-8")
        if nests_deeper(text, MAX_NESTING):
            return None
        FLOATS.clear()
        value = CANONICAL.decode(text)
        # The quick way: json.dumps differs in the order of members beyond U+FFFF, and in how it writes numbers that are not whole.
        if not FLOATS and not BEYOND_FFFF.search(text):
            return value if json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) == text else None
        return value if canonical(value).encode() == data else None
    except (ValueError, OverflowError, RecursionError):
        return None


def parse_line(data):
    """As parse_canonical, of a line with its newline."""
    return parse_canonical(data[:-1]) if data.endswith(b"\n") else None


JSON_TOKEN = re.compile(r'[ \t\n\r]*(?:([\[\]{},:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
                        r"|((?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)))")


def is_deep_json(text):
    """Is it JSON (RFC 8259), however deep? Slower than json.loads, and without calling itself."""
    # expected: v a value, first its first or a closing bracket, k a key, fk a key or }, : and after it; n the next or the end.
    stack, expected, at = [], "v", 0
    end = len(text.rstrip(" \t\n\r"))
    while at < end:
        token = JSON_TOKEN.match(text, at)
        if not token:
            return False
        at = token.end()
        mark, string, _ = token.groups()
        if expected in ("k", "fk") and string:
            expected = ":"
        elif expected == ":" and mark == ":":
            expected = "v"
        elif expected in ("v", "first") and mark in ("[", "{"):
            stack.append(mark)
            expected = "first" if mark == "[" else "fk"
        elif expected in ("v", "first") and not mark:
            expected = "n"
        elif mark in ("]", "}") and expected in ("n", "first" if mark == "]" else "fk") and stack and stack[-1] == {"]": "[", "}": "{"}[mark]:
            stack.pop()
            expected = "n"
        elif expected == "n" and mark == "," and stack:
            expected = "v" if stack[-1] == "[" else "k"
        else:
            return False
    return expected == "n" and not stack


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


# --- What an entry must be: the schema of docs/audit-log.md ---------------------------------------------------------

DATE = (r"(?:(?:[0-9]{2}[2468][048]|[0-9]{2}[13579][26]|[0-9]{2}0[48]|[02468][048]00|[13579][26]00)-02-29"
        r"|[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])))")
MINUTE = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
NANOSECOND = re.compile(DATE + "T" + MINUTE + r":[0-5][0-9]\.[0-9]{9}Z\Z")
TIME = re.compile(DATE + "T" + MINUTE + r":[0-5][0-9](?:\.[0-9]+)?Z\Z")


def like(pattern):
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def or_null(check):
    return lambda value: value is None or check(value)


def list_of(check):
    return lambda value: isinstance(value, list) and all(map(check, value))


LATER = []  # what this version does not know of what was checked since it was cleared


def members(required, optional=None, only=False):
    """only: no others. Elsewhere others are of a later version."""
    optional = optional or {}
    known = set(required) | set(optional)

    def check(value):
        ok = (isinstance(value, dict) and all(name in value and fits(value[name]) for name, fits in required.items())
              and all(name not in value or fits(value[name]) for name, fits in optional.items()))
        others = set(value) - known if ok else ()
        LATER.extend(others)
        return ok and not (only and others)
    return check


def word(known):
    """One of some words, or a later version's."""
    words = set(known.split())

    def check(value):
        if isinstance(value, str) and value not in words:
            LATER.append(value)
        return isinstance(value, str)
    return check


def named(names, check):
    return dict.fromkeys(names.split(), check)


def any_text(value):
    return isinstance(value, str)


def flag(value):
    return isinstance(value, bool)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def anything(value):
    return True


def is_object(value):
    return isinstance(value, dict)


def is_list(value):
    return isinstance(value, list)


HASH, NULL_TEXT, NULL_COUNT = like("[0-9a-f]{64}"), or_null(any_text), or_null(is_count)


def reference(only):
    check = members(dict(named("sha256 pack", HASH), size_bytes=is_count, offset=is_count, media_type=any_text),
                    {"key_id": like("[0-9a-f]{32}"), "commitment": HASH, "inflated_bytes": is_count}, only)
    return lambda value: check(value) and ("key_id" in value) == ("commitment" in value) and ("key_id" in value or "inflated_bytes" not in value)


RUN = members(dict(named("task_id task_type agent_name agent_version session_id user_id", NULL_TEXT), heartbeat_interval_ms=NULL_COUNT))
NO_TEXT = members({}, named("input_tokens output_tokens cache_read_tokens", is_count))
LLM = members(dict(
    named("provider request_model response_model response_id", NULL_TEXT), **named("system_prompt_sha256 prompt_sha256 tools_sha256", or_null(HASH)),
    **named("input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens", NULL_COUNT), finish_reasons=list_of(any_text),
    time_to_first_token_ms=or_null(lambda value: is_number(value) and value >= 0), streaming=or_null(flag), counted=flag,
    tool_requests=list_of(members({"call_id": NULL_TEXT, "name": any_text, "arguments_sha256": or_null(HASH)})),
    tool_results=list_of(members({"call_id": any_text, "result_sha256": HASH, "result_bytes": is_count}, {"name": any_text, "is_error": flag}))),
    {"cache_write_1h_tokens": is_count, "audio_tokens": NO_TEXT, "image_tokens": NO_TEXT})
TOOL = members(dict(named("call_id requested_by idempotency_key", NULL_TEXT), **named("arguments_sha256 result_sha256", or_null(HASH)),
                    **named("result_bytes attempt", NULL_COUNT), name=any_text, known=or_null(flag), valid=or_null(flag), inferred=flag),
               dict(named("permission principal same_as", any_text), side_effect=word("none reversible irreversible"), confirmed=flag, fallback=flag, cut_to_bytes=is_count))
ACT = members({"action": any_text, "actor": members({"key_id": NULL_TEXT, "name": any_text, "roles": list_of(any_text)}), "reason": NULL_TEXT,
               "target": is_object})
TOLD_BY_AGENTS = {
    "decision": members({"options": list_of(any_text), "choice": NULL_TEXT, "confidence": or_null(is_number)}),
    "guardrail": members({"passed": flag, "rule": NULL_TEXT, "target": NULL_TEXT}),
    "approval": members({"tool": NULL_TEXT, "approved": flag, "by": NULL_TEXT}),
    "handoff": members({"to": any_text}),
    "state": members({"id": NULL_TEXT, "store": NULL_TEXT}),
    "artifact": members({"media_type": any_text, "sha256": HASH, "size_bytes": is_count}),
    "score": members({"value": or_null(is_number), "label": NULL_TEXT}),
    "limit": members({"name": any_text, "max": is_number, "reached": is_number, "running": NULL_COUNT}),
    "privacy": members({"content": word("redacted hashes"), "redacted": list_of(members({"count": is_count, "kind": any_text})), "failed": list_of(any_text),
                        "withheld": list_of(members({"hash": HASH, "name": any_text, "size_bytes": is_count}))})}
are_references = members({}, dict.fromkeys(("system_prompt messages tool_definitions response parameters raw_response arguments result input output raw_request"
                                            " overflow").split(), reference(False)))


def are_payloads(value):
    return are_references(value) and all(map(reference(False), value.values()))


def is_version(value):
    if is_count(value) and value > 1:
        LATER.append(value)
    return is_count(value) and value > 0


# Words of a list may be those of a later version, and so may members and names of payloads.
is_record = members(dict(
    named("tenant name run_id trace_id step_id dialect", any_text), event=word("run_start run_heartbeat step run_end log metric act"),
    kind=word("llm tool decision guardrail approval handoff state limit agent other"), status=word("ok error unset"), **named("operation parent_id", NULL_TEXT),
    **named("start_time end_time received_time", lambda value: isinstance(value, str) and NANOSECOND.match(value) is not None),
    **named("attributes resource", is_object), **named("events links", is_list), v=is_version, record_id=HASH, root=flag,
    conflict=flag, error=or_null(members({"type": any_text, "message": NULL_TEXT})), run_seq=NULL_COUNT, run=RUN, llm=or_null(LLM), tool=or_null(TOOL),
    end=or_null(members({"status": word("completed failed stopped killed handed_off"), "outcome": NULL_TEXT, "reason": NULL_TEXT, "records": NULL_COUNT})),
    cost=or_null(members({"usd": like(r"[0-9]+(\.[0-9]{1,9})?"), "price_table": any_text, "price_version": any_text})),
    scope=members({"name": any_text, "version": any_text}, {"attributes": is_object}),
    payloads=are_payloads),
    dict(TOLD_BY_AGENTS, run_prev=HASH, act=ACT))


# --- RFC 6962 -----------------------------------------------------------------------------------------------------

def sha256(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha256(b"\x01" + left + right)


def perfect_root(hashes):
    while len(hashes) > 1:
        hashes = [node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def split_tile(data):
    return [data[i:i + 32] for i in range(0, len(data), 32)]


def root_of_edge(partials):
    """partials: per level, lowest first, the hashes of its partial tile."""
    subtrees = []
    for hashes in partials:
        here, at = [], 0
        for bit in range(7, -1, -1):
            if len(hashes) >> bit & 1:
                here.append(perfect_root(hashes[at:at + (1 << bit)]))
                at += 1 << bit
        subtrees = here + subtrees
    if not subtrees:
        return sha256(b"")
    root = subtrees.pop()
    while subtrees:
        root = node(subtrees.pop(), root)
    return root


def leads_to(leaf, index, size, proof, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = node(r, p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def extends(size, root, later_size, later_root, proof):
    """Is the tree of `size` the beginning of the later one? RFC 9162, 2.1.4.2."""
    if size == later_size or size == 0:
        return not proof and root == (later_root if size else sha256(b""))
    if size & (size - 1) == 0:
        proof = [root] + proof
    if not proof:
        return False
    fn, sn = size - 1, later_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node(sr, c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == root and sr == later_root


# --- Signed notes, checkpoints, policies --------------------------------------------------------------------------

def is_utf8(data):
    try:
        data.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def strict_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if text and base64.b64encode(data).decode() == text else None


# Unicode's White_Space; Python's \s has four control characters more.
NO_SPACE = "[^+\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"


# RFC 8032: a coordinate has one spelling, below 2^255 - 19; and the y of the points whose order is 8 or less, with which libraries do as they like.
FIELD = (1 << 255) - 19
SMALL_ORDER = {0, 1, FIELD - 1, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826,
               0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7}


def parse_key(text, kind=1):
    match = re.fullmatch(r"(%s)\+([0-9a-f]{8})\+(.+)" % NO_SPACE, text.strip(" \t\r\n"))
    data = strict_base64(match.group(3)) if match else None
    if data is None or len(data) != 33 or data[0] != kind:
        raise Unreadable("not a verifier key: name+key id+key is expected")
    name = match.group(1)
    key_id = sha256(name.encode() + b"\n" + data)[:4]
    if key_id.hex() != match.group(2):
        raise Unreadable("the verifier key of %s is damaged" % name)
    y = int.from_bytes(data[1:], "little") % (1 << 255)
    if y >= FIELD or y in SMALL_ORDER:
        raise Unreadable("the verifier key of %s is none: anybody could sign under it" % name)
    return name, key_id, data[1:]


MAX_GROUPS_DEEP = 100


def parse_policy(data):
    """(keys of logs, rules by name, name of the quorum), of a policy's bytes. A rule is a witness's key, or (threshold, names of rules)."""
    keys, quorums, rules, members, known, depths = [], [], {}, set(), set(), {}
    arity = {"log": (1, 2), "witness": (2, 3), "group": (3, 1 << 30), "quorum": (1, 1)}
    if len(data) > 1_000_000:
        raise Unreadable("the policy is too large")
    # What is no ASCII is opaque, but for the names of keys: a character is a byte.
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        least, most = arity.get(words[0], (1, 0))
        if not least <= len(words) - 1 <= most or re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            raise Unreadable("line %d of the policy is none of a tlog-policy" % number)
        if words[0] in ("log", "witness"):
            key = policy_key(words, number)
            if (words[0], key[2]) in known:
                raise Unreadable("line %d of the policy: there is a %s with this key already" % (number, words[0]))
            known.add((words[0], key[2]))
        if words[0] == "log":
            keys.append(key)
        if words[0] in ("witness", "group") and (words[1] == "none" or words[1] in rules):
            raise Unreadable("line %d of the policy: the name %s is taken" % (number, words[1]))
        if words[0] == "witness":
            rules[words[1]] = key
        if words[0] == "group":
            least = {"all": str(len(words) - 3), "any": "1"}.get(words[2], words[2])
            if not re.fullmatch(r"[1-9][0-9]{0,8}", least) or int(least) > len(words) - 3 or len(set(words[3:])) < len(words) - 3 \
                    or any(member not in rules or member in members for member in words[3:]):
                raise Unreadable("line %d of the policy is no group" % number)
            members.update(words[3:])
            depths[words[1]] = 1 + max(depths.get(member, 0) for member in words[3:])
            if depths[words[1]] > MAX_GROUPS_DEEP:
                raise Unreadable("line %d of the policy: groups nest %d deep at most" % (number, MAX_GROUPS_DEEP))
            rules[words[1]] = (int(least), tuple(words[3:]))
        if words[0] == "quorum":
            if words[1] != "none" and words[1] not in rules:
                raise Unreadable("line %d of the policy: %s is not defined before it" % (number, words[1]))
            quorums.append(words[1])
    if len(quorums) != 1:
        raise Unreadable("a policy has exactly one `quorum` line")
    return keys, rules, quorums[0]


def policy_key(words, number):
    try:
        text = words[1 if words[0] == "log" else 2].encode("latin-1").decode("utf-8")
        return parse_key(text, 1 if words[0] == "log" else 4)
    except (Unreadable, UnicodeDecodeError) as error:
        raise Unreadable("line %d of the policy: %s" % (number, error))


def quorum_time(rule, rules, times):
    """The least time by which those who had cosigned are a quorum (https://c2sp.org/tlog-policy): whoever it does without can't move it. Infinite: they are none."""
    if len(rule) == 3:
        return times.get(rule, math.inf)
    return sorted(quorum_time(rules[name], rules, times) for name in rule[1])[rule[0] - 1]


def cosigners_of(note, rules):
    """{witness: when it cosigned, the last time} of a checkpoint (https://c2sp.org/tlog-cosignature, 0x04); None when a cosignature is wrong."""
    text, signatures = parse_note(note)
    cosigned = {}
    for name, key_id, signature in signatures:
        known = [rule for rule in rules.values() if len(rule) == 3 and rule[:2] == (name, key_id)]
        time = int.from_bytes(signature[:8], "big")
        message = b"cosignature/v1\ntime %d\n" % time + text.encode()
        is_time = len(signature) == 72 and 0 < time <= 253402300799  # of the year 9999, the last that RFC 3339 writes
        by = [rule for rule in known if is_time and ed25519_ok(rule[2], message, signature[8:])]
        if known and not by:
            return None
        cosigned.update({rule: max(time, cosigned.get(rule, 0)) for rule in by})
    return cosigned


def ed25519_ok(public_key, message, signature):
    with tempfile.TemporaryDirectory() as directory:
        paths = {}
        der = bytes.fromhex("302a300506032b6570032100") + public_key
        for name, data in (("key", der), ("text", message), ("signature", signature)):
            paths[name] = os.path.join(directory, name)
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["key"], "-rawin",
                   "-in", paths["text"], "-sigfile", paths["signature"]]
        try:
            return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        except FileNotFoundError:
            raise Unreadable("the program openssl is not here")


def parse_note(note):
    """(text, [(name, key id, signature)]); None when it is no signed note."""
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        return None
    split = whole.rfind("\n\n")
    if len(note) > 1_000_000 or split < 1 or not whole.endswith("\n"):
        return None
    if any(c < " " and c != "\n" for c in whole):
        return None
    signatures = []
    for line in whole[split + 2:-1].split("\n"):
        match = re.fullmatch("\u2014 (%s) ([^ ]+)" % NO_SPACE, line)
        data = strict_base64(match.group(2)) if match else None
        if data is None or len(data) < 5:
            return None
        signatures.append((match.group(1), data[:4], data[4:]))
    return (whole[:split + 1], signatures) if len(signatures) <= 100 else None


def parse_checkpoint(text):
    """(origin, size, root); None when it is none."""
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not lines[0] or any(not line for line in lines[3:]):
        return None
    root = strict_base64(lines[2])
    if not re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]) or int(lines[1]) >= 1 << 53 or root is None or len(root) != 32:
        return None
    return lines[0], int(lines[1]), root


def open_checkpoint(note, keys):
    """(checkpoint or None, names that signed, what is wrong or None): wrong is (code, text)."""
    parsed = parse_note(note)
    if parsed is None:
        return None, [], ("malformed", "it is no signed note")
    text, signatures = parsed
    checkpoint = parse_checkpoint(text)
    if checkpoint is None:
        return None, [], ("malformed", "it is no checkpoint")
    signed_by = []
    for name, key_id, signature in signatures:
        # An id has 32 bits: two keys of one name that share it are soon found.
        known = [key[2] for key in keys if key[:2] == (name, key_id)]
        if known and not any(len(signature) == 64 and ed25519_ok(key, text.encode(), signature) for key in known):
            return checkpoint, [], ("mismatch", "the signature of %s does not fit" % name)
        if known:
            signed_by.append(name)
    if checkpoint[0] not in signed_by:
        what = "no key of yours signed it" if keys else "you gave no key, so nobody vouches for this log"
        return checkpoint, [], ("untrusted", what)
    return checkpoint, signed_by, None


def run_openssl(*arguments):
    """(exit code, what it printed)"""
    try:
        done = subprocess.run(("openssl",) + arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Unreadable("the program openssl is not here")
    return done.returncode, done.stdout.decode("utf-8", "replace")


Authority = collections.namedtuple("Authority", "der key valid_from valid_to")


def read_certificate(path):
    """Of a time stamping authority: its certificate in DER, its key in PEM, and from when to when (seconds) it is valid."""
    with open(path, "rb") as file:
        data = file.read()
    if b"-----BEGIN " not in data:
        data = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
    # The first certificate counts: where it is none, openssl would take the next.
    first = re.search(rb"^-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?^-----END \1-----", data, re.S | re.M)
    if first:
        data = first.group() + b"\n"
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        code, text = run_openssl("x509", "-in", file.name, "-pubkey", "-dates", "-ext", "extendedKeyUsage")
    found = re.search(r"(-----BEGIN PUBLIC KEY-----\n(.*?)-----END PUBLIC KEY-----\n).*?^notBefore=(.*?) GMT\n^notAfter=(.*?) GMT\n"
                      r".*?-----BEGIN CERTIFICATE-----\n(.*?)-----END", text, re.S | re.M)
    if code != 0 or not found:
        raise Unreadable("--tsa-cert: a certificate in PEM or DER is expected")
    if "Time Stamping" not in text:
        raise Unreadable("--tsa-cert: this certificate is not one for time stamping: name the authority's own, not its issuer's")
    if der_inside(der_inside(der_element(base64.b64decode(found.group(2))), 0x30)[0], 0x30)[0].whole not in OIDS_KEY:
        raise Unreadable("--tsa-cert: only stamps by RSA (PKCS #1 v1.5) and ECDSA keys are checked")
    dates = [calendar.timegm(time.strptime(found.group(group), "%b %d %H:%M:%S %Y")) for group in (3, 4)]
    return Authority(base64.b64decode(found.group(5)), found.group(1).encode(), *dates)


Part = collections.namedtuple("Part", "tag whole content")


def der_parts(data):
    """Elements side by side. ValueError unless their lengths are as DER has them."""
    parts, at = [], 0
    while at < len(data):
        if at + 1 == len(data) or data[at] & 0x1f == 0x1f:
            raise ValueError("it is cut, or of a long tag")
        length, start = data[at + 1], at + 2
        if length >= 0x80:
            start += length - 0x80
            octets = data[at + 2:start]
            length = int.from_bytes(octets, "big")
            if not 1 <= start - at - 2 <= 3 or octets[:1] == b"\x00" or length < 0x80:
                raise ValueError("a length is indefinite, too long or not the shortest")
        if start + length > len(data):
            raise ValueError("it is cut")
        parts.append(Part(data[at], data[at:start + length], data[start:start + length]))
        at = start + length
    return parts


def der_element(data):
    (part,) = der_parts(data)
    return part


def der_content(part, tag):
    if part.tag != tag:
        raise ValueError("it is another structure")
    return part.content


def der_inside(part, tag):
    return der_parts(der_content(part, tag))


OID_SIGNED_DATA, OID_STAMP = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("060b2a864886f70d0109100104")
OID_CONTENT_TYPE, OID_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010903"), bytes.fromhex("06092a864886f70d010904")
OID_CERTIFICATE, OID_CERTIFICATE_V2 = bytes.fromhex("060b2a864886f70d010910020c"), bytes.fromhex("060b2a864886f70d010910022f")
OIDS_DIGEST = {bytes.fromhex("060960864801650304020" + last): name for last, name in (("1", "sha256"), ("2", "sha384"), ("3", "sha512"))}
# RSA by its key or with each of these, and ECDSA.
OIDS_SIGNATURE = [bytes.fromhex("06092a864886f70d01010" + last) for last in "1bcd"] + [bytes.fromhex("06082a8648ce3d04030" + last) for last in "234"]
OIDS_KEY = [bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06072a8648ce3d0201")]
GENERALIZED_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?Z")


def digest_named(algorithm):
    name = der_inside(algorithm, 0x30)[0].whole
    if name not in OIDS_DIGEST:
        raise ValueError("it is of another digest")
    return OIDS_DIGEST[name]


def one_value(attributes, name):
    """Of a signed attribute that is there once and has one value; None where it is not there."""
    found = [values for key, values in (der_inside(each, 0x30) for each in attributes) if key.whole == name]
    if not found:
        return None
    (values,) = found
    (value,) = der_inside(values, 0x31)
    return value


def names_certificate(value, with_digest, certificate):
    """Is the first certificate of a signing-certificate attribute, which is the signer's, this one?"""
    fields = der_inside(der_inside(der_inside(value, 0x30)[0], 0x30)[0], 0x30)
    digest = "sha256" if with_digest else "sha1"
    if with_digest and fields[0].tag == 0x30:
        digest = digest_named(fields.pop(0))
    return hashlib.new(digest, certificate).digest() == der_content(fields[0], 0x04)


def signature_ok(key, digest, message, signature):
    with tempfile.TemporaryDirectory() as directory:
        paths = [os.path.join(directory, name) for name in ("key", "signature", "message")]
        for path, data in zip(paths, (key, signature, message)):
            with open(path, "wb") as file:
                file.write(data)
        # Not "dgst -verify": it does not read what stands behind a signature.
        return run_openssl("pkeyutl", "-verify", "-pubin", "-inkey", paths[0], "-sigfile", paths[1], "-rawin", "-digest", digest, "-in", paths[2])[0] == 0


def stamped_at(response, stamped, authority):
    """When a time stamp (RFC 3161) was made over the bytes; None when it does not hold. What nobody signed in it is not asked."""
    try:
        return stamp_time(response, stamped, authority)
    except (ValueError, IndexError):
        return None


def stamp_time(response, stamped, authority):
    """ValueError or IndexError: it has not the structure of one."""
    status, token = der_inside(der_element(response), 0x30)
    if der_inside(status, 0x30)[0].whole not in (b"\x02\x01\x00", b"\x02\x01\x01"):
        return None
    kind, wrapped = der_inside(token, 0x30)
    (signed,) = der_inside(wrapped, 0xa0)
    _, _, content, *others = der_inside(signed, 0x30)
    content_kind, content = der_inside(content, 0x30)
    (info,) = der_inside(content, 0xa0)
    (signer,) = der_inside(others[-1], 0x31)
    _, _, by, attributes, algorithm, signature, *unsigned = der_inside(signer, 0x30)
    if kind.whole != OID_SIGNED_DATA or content_kind.whole != OID_STAMP or len(unsigned) > 1:
        return None
    if der_inside(algorithm, 0x30)[0].whole not in OIDS_SIGNATURE:
        return None
    info, signature, digest, named = der_content(info, 0x04), der_content(signature, 0x04), digest_named(by), der_inside(attributes, 0xa0)
    version, _, imprint, _, moment = der_inside(der_element(info), 0x30)[:5]
    algorithm, text_hash = der_inside(imprint, 0x30)
    # Of SHA-1 and MD5 whoever has it stamped can make a second text.
    if version.whole != b"\x02\x01\x01" or hashlib.new(digest_named(algorithm), stamped).digest() != der_content(text_hash, 0x04):
        return None
    kind, info_hash = one_value(named, OID_CONTENT_TYPE), one_value(named, OID_MESSAGE_DIGEST)
    if kind is None or kind.whole != OID_STAMP or info_hash is None or der_content(info_hash, 0x04) != hashlib.new(digest, info).digest():
        return None
    for name in (OID_CERTIFICATE, OID_CERTIFICATE_V2):
        value = one_value(named, name)
        if value is not None and not names_certificate(value, name == OID_CERTIFICATE_V2, authority.der):
            return None
    match = GENERALIZED_TIME.fullmatch(der_content(moment, 0x18))
    if match is None:
        return None
    numbers, fraction = [int(each) for each in match.groups()[:6]], int(((match.group(7) or b"") + b"000")[:3])
    datetime.datetime(*numbers)  # ValueError when there is no such time
    ms = calendar.timegm(tuple(numbers)) * 1000 + fraction
    if not authority.valid_from * 1000 <= ms <= authority.valid_to * 1000:
        return None
    if not signature_ok(authority.key, digest, b"\x31" + attributes.whole[1:], signature):
        return None
    return "%04d-%02d-%02dT%02d:%02d:%02d" % tuple(numbers) + ".%03dZ" % fraction


# --- The tar, or a directory --------------------------------------------------------------------------------------

def tar_header(path, size):
    block = bytearray(BLOCK)
    block[0:len(path)] = path.encode("ascii")
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    if size < 8 ** 11:
        block[124:136] = b"%011o\x00" % size
    else:
        block[124:136] = b"\x80" + size.to_bytes(11, "big")
    block[136:156] = b"00000000000\x00        "
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def parse_header(block):
    path = block[:100].split(b"\x00")[0]
    try:
        size = int.from_bytes(block[125:136], "big") if block[124] == 0x80 else int(block[124:135], 8)
    except ValueError:
        return None
    if not re.fullmatch(rb"[\x21-\x7e]+", path) or size >= 1 << 53:
        return None
    return (path.decode(), size) if tar_header(path.decode(), size) == block else None


class Content:
    """The bytes of one file, read once; its SHA-256 when it was read to the end."""

    def __init__(self, file, path, size):
        self.file, self.path, self.size, self.left, self.hash = file, path, size, size, hashlib.sha256()

    def read(self, length):
        data = self.file.read(min(length, self.left))
        if not data and self.left and length:
            raise Broken("INCOMPLETE", self.path, "the tar is cut off here")
        self.left -= len(data)
        self.hash.update(data)
        return data

    def take(self, length):
        parts, left = [], length
        while left and self.left:
            part = self.read(min(left, 1 << 20))
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def whole(self, limit=MAX_FILE):
        if self.size > limit:
            raise Broken("TAMPERED", self.path, "it is larger than any such file")
        return self.take(self.size)

    def lines(self, limit):
        """Lines without their newline; a last one without it, or a longer one, as None."""
        rest = b""
        while True:
            end = rest.find(b"\n")
            if end >= 0:
                line, rest = rest[:end], rest[end + 1:]
                yield None if len(line) > limit else line
                continue
            if len(rest) > limit:
                yield None
                return
            if not self.left:
                break
            rest += self.read(1 << 16)
        if rest:
            yield None

    def drain(self):
        while self.left:
            self.read(1 << 20)
        return self.hash.hexdigest()


def tar_files(file):
    last = None
    while True:
        where = "bundle" if last is None else "after " + last
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            raise Broken("UNREADABLE" if last is None else "INCOMPLETE", where, "it is too short for a tar")
        if block == bytes(BLOCK):
            if last is None:
                raise Broken("UNREADABLE", where, "the tar is empty")
            second = file.read(BLOCK)
            if len(second) < BLOCK:
                raise Broken("INCOMPLETE", where, "the tar is cut off here")
            if second != bytes(BLOCK) or file.read(1):
                raise Broken("TAMPERED", where, "there is something behind the end")
            return
        header = parse_header(block)
        if header is None:
            raise Broken("UNREADABLE" if last is None else "TAMPERED", where, "no tar header that bundles have")
        content = Content(file, *header)
        yield content
        content.drain()
        padding = file.read(-header[1] % BLOCK)
        if len(padding) < -header[1] % BLOCK:
            raise Broken("INCOMPLETE", header[0], "the tar is cut off here")
        if padding.strip(b"\x00"):
            raise Broken("TAMPERED", header[0], "what fills it up is not zero")
        last = header[0]


def give_up(error):
    raise error


def directory_files(root, findings):
    sums = os.path.join(root, "SHA256SUMS")
    if os.path.islink(sums) or not os.path.isfile(sums):
        raise Broken("UNREADABLE", root, "there is no SHA256SUMS: it is no bundle")
    if os.path.getsize(sums) > 64 << 20:
        raise Broken("UNREADABLE", sums, "it is larger than 64 MiB, which no bundle's is")
    with open(sums, "rb") as file:
        text = file.read().decode("latin-1")
    listed = [m.group(1) for m in re.finditer(r"^[0-9a-f]{64}  (.+)$", text, re.M)]
    for path in listed + ["SHA256SUMS"]:
        if place_of(path) is None:
            findings.add("TAMPERED", path, "no bundle has a file of this name")
            continue
        full = os.path.join(root, path)
        try:
            status = os.lstat(full)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISREG(status.st_mode):
            findings.add("TAMPERED", path, "it is no file")
            continue
        with open(full, "rb") as file:
            yield Content(file, path, status.st_size)
    known = set(listed) | {"SHA256SUMS"}
    for directory, names, files in list(os.walk(root, onerror=give_up)):
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        for name in files + links:
            path = os.path.relpath(os.path.join(directory, name), root).replace(os.sep, "/")
            if path not in known:
                findings.add("TAMPERED", path, "it is not in SHA256SUMS")


# --- Paths --------------------------------------------------------------------------------------------------------

FIRST = ["README.txt", "bundle.json"]
LAST = ["runs.json", "summary.json", "policies.json", "derived/runs.csv", "derived/runs.parquet", "derived/ocsf.jsonl",
        "derived/report.html", "SHA256SUMS"]
REQUIRED = ["README.txt", "bundle.json", "runs.json", "summary.json", "policies.json", "SHA256SUMS"]
CHECKED = ["bundle.json", "runs.json", "summary.json", "SHA256SUMS"]
NUMBERED = [(re.compile(r"entries/([0-9]{15})\.jsonl\Z"), "entries"), (re.compile(r"payloads/([0-9]{15})\.jsonl\Z"), "lines"),
            (re.compile(r"payloads/([0-9]{15})\.bin\Z"), "bytes"), (re.compile(r"proofs/([0-9]{15})\.tlog-proof\Z"), "proof")]
LOG = re.compile(r"logs/((?!\.)[A-Za-z0-9._-]{1,60})/(.+)\Z", re.S)
TILE = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


def tile_path(level, index, width):
    number, rest = "%03d" % (index % 1000), index // 1000
    while rest:
        number, rest = "x%03d/%s" % (rest % 1000, number), rest // 1000
    return "tile/%s/%s%s" % (level, number, "" if width == WIDTH else ".p/%d" % width)


def place_of(path):
    """(kind, numbers, shard in whose folder it lies or None); None for a path that no bundle has."""
    match = LOG.match(path)
    shard, below = match.groups() if match else (None, path)
    if below == "checkpoint":
        return "checkpoint", (), shard
    if below in FIRST + LAST + ["anchors.json"]:
        return None if shard else ("single", (), None)
    for pattern, kind in NUMBERED:
        match = pattern.match(below)
        if match:
            return kind, (int(match.group(1)),), shard
    match = TILE.match(below)
    if not match:
        return None
    index = int(re.sub(r"[x/]", "", match.group(2)))
    width = int(match.group(3) or WIDTH)
    level = match.group(1) if match.group(1) == "entries" else int(match.group(1))
    if tile_path(level, index, width) != below or (match.group(3) and width >= WIDTH) or (level != "entries" and level > 63):
        return None
    return ("bundle", (index, width), shard) if level == "entries" else ("tile", (level, index, width), shard)


def group_of(path, place, shards):
    """Groups come in order; None: this bundle has no such file. shards: of a bundle of several logs, else None."""
    kind, _, shard = place
    logs = len(shards) if shards else 1
    anchors = len(FIRST) + logs
    if kind == "single":
        return FIRST.index(path) if path in FIRST else anchors if path == "anchors.json" else anchors + 1 + 2 * logs + LAST.index(path)
    if (shard is None) != (shards is None) or shards and shard not in shards:
        return None
    log = shards.index(shard) if shards else 0
    return len(FIRST) + log if kind == "checkpoint" else anchors + 1 + 2 * log + (kind == "proof")


# --- bundle.json --------------------------------------------------------------------------------------------------

FILTERS = {"since", "until", "agent", "task_type", "session", "user", "run_id", "status", "outcome"}
STATUSES = {"completed", "failed", "stopped", "killed", "handed_off"}


SELECTED = {"selection", "range", "hidden", "since_checkpoint"}


def is_text(value):
    return isinstance(value, str) and len(value) <= 4096


def or_none(check, value):
    return value is None or check(value)


def is_selected_log(log, by_run):
    """Do a log's selection, range and numbers fit one another?"""
    ok = is_text(log["origin"]) and is_text(log["shard"]) and is_count(log["tree_size"]) and log["selection"] in ("log", "range", "runs") \
        and or_none(is_count, log["hidden"]) and or_none(is_count, log["since_checkpoint"]) and by_run == (log["selection"] == "runs")
    if not ok or by_run:
        return ok and log["range"] is None and log["hidden"] is None
    first, end = log["range"]
    ok = is_count(first) and is_count(end) and first <= end <= log["tree_size"] and log["hidden"] is not None
    return ok and (log["selection"] == "range" or (first, end, log["hidden"]) == (0, log["tree_size"], 0))


def parse_manifest(data):
    """The manifest, with `logs` for a bundle of one too; None unless it is as bundles have it."""
    m = parse_line(data)
    try:
        several = m["format"] == "runledger-bundle/2"
        ok = (set(m) - {"sums"} == {"format", "export_id", "created_time", "exporter", "recipient", "reason", "filter", "tenant", "content", "runs"}
              | ({"logs"} if several else {"log"} | SELECTED)
              and m["format"] in ("runledger-bundle/1", "runledger-bundle/2") and is_count(m.get("sums", 2)) and m.get("sums", 2) == 2
              and all(is_text(m[k]) for k in ("export_id", "created_time", "recipient", "tenant"))
              and or_none(is_text, m["reason"]) and set(m["exporter"]) == {"key_id", "name"} and is_text(m["exporter"]["name"])
              and or_none(is_text, m["exporter"]["key_id"]) and set(m["filter"]) <= FILTERS and all(is_text(v) for v in m["filter"].values())
              and all(NANOSECOND.match(m["filter"][k]) for k in ("since", "until") if k in m["filter"])
              and m["filter"].get("status", "failed") in STATUSES and isinstance(m["content"], bool) and or_none(is_count, m["runs"]))
        if not ok:
            return None
        if several:
            logs = m["logs"]
            ok = (isinstance(logs, list) and len(logs) > 1 and all(set(log) == {"origin", "shard", "tree_size"} | SELECTED for log in logs)
                  and all(LOG.match("logs/%s/x" % log["shard"]) and "/" not in log["shard"] for log in logs))
        else:
            ok = set(m["log"]) == {"origin", "shard", "tree_size"}
            logs = [dict(m["log"], **{name: m[name] for name in SELECTED})] if ok else []
        shards = [log["shard"] for log in logs]
        ok = (ok and all(is_selected_log(log, m["runs"] is not None) for log in logs) and len({log["origin"] for log in logs}) == len(logs)
              and shards == sorted(set(shards)))
        return dict(m, logs=logs, several=several) if ok else None
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


# --- anchors.json -------------------------------------------------------------------------------------------------

class Wrong(Exception):
    """What can't be genuine."""


def parse_proof(value):
    hashes = [strict_base64(each) if isinstance(each, str) else None for each in value] if isinstance(value, list) else [None]
    if len(hashes) > 64 or any(each is None or len(each) != 32 for each in hashes):
        raise Wrong("it is none that bundles have")
    return hashes


def parse_anchors(data):
    """The heads; raises Wrong unless they are as bundles have them."""
    value = parse_line(data)
    try:
        heads = value["heads"]
        ok = set(value) == {"heads"} and isinstance(heads, list) and 1 <= len(heads) <= 3
        for head in heads if ok else ():
            ok = (ok and set(head) in ({"checkpoint", "consistency", "recorded", "timestamp"}, {"checkpoint", "logs", "recorded", "timestamp"})
                  and all(set(each) == {"consistency", "shard"} and isinstance(each["shard"], str) for each in head.get("logs", []))
                  and is_short(head["checkpoint"], 65_536)
                  and isinstance(head["recorded"], list)
                  and (head["timestamp"] is None or is_short(head["timestamp"], 65_536) and strict_base64(head["timestamp"]) is not None)
                  and all(set(each) == {"entry", "index", "proof"} and is_short(each["entry"], 32_768) and is_count(each["index"])
                          for each in head["recorded"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        ok = False
    if not ok:
        raise Wrong("it is none that bundles have")
    return heads


def open_if_known(note, keys):
    """(checkpoint, is it signed by a key of the caller's); raises Wrong for a note or a signature that is none."""
    checkpoint, _, wrong = open_checkpoint(note, keys)
    if wrong and wrong[0] != "untrusted":
        raise Wrong(wrong[1])
    return checkpoint, not wrong


def is_short(value, most):
    return isinstance(value, str) and 1 <= len(value) <= most


def is_names(value):
    return isinstance(value, list) and len(value) <= 200 and all(is_short(name, 64) for name in value)


is_directory_entry = members({"checkpoint": lambda value: is_short(value, 16_384), "recorded_time": lambda value: any_text(value) and TIME.match(value),
                              "shard": lambda value: is_short(value, 64)},
                             {"heads_sha256": lambda value: any_text(value) and HEX64.match(value), "shards": is_names}, only=True)


Recorded = collections.namedtuple("Recorded", "shard note time shards heads_sha256 head index data")


def proven_entry(recorded, head):
    """An entry that is in the directory: `shards` names all, `heads_sha256` is of their heads, where it has them; `head` is the shard's checkpoint."""
    data = recorded["entry"].encode()
    if not leads_to(sha256(b"\x00" + data), recorded["index"], head[1], parse_proof(recorded["proof"]), head[2]):
        raise Wrong("entry %d is not in the directory" % recorded["index"])
    entry = parse_canonical(data)
    parsed = parse_note(entry["checkpoint"].encode()) if is_directory_entry(entry) else None
    own = parsed and parse_checkpoint(parsed[0])
    if not own:
        raise Wrong("entry %d is none of a directory" % recorded["index"])
    return Recorded(entry["shard"], entry["checkpoint"].encode(), entry["recorded_time"], entry.get("shards"), entry.get("heads_sha256"),
                    own, recorded["index"], data)


def require_one_history(heads):
    """What heads that the caller's keys signed show of one directory: no log of it goes back, is begun anew, or is forgotten."""
    if len({head["origin"] for head in heads}) > 1:
        raise Wrong("there are heads of two directories")
    entries, newest = {}, {}
    for each in sorted((each for head in heads for each in head["recorded"]), key=lambda each: each.index):
        if entries.setdefault(each.index, each).data != each.data:
            raise Wrong("the directory has two entries %d: two histories" % each.index)
        origin, size, root = newest.setdefault(each.shard, each).head[:3]
        if each.head[0] != origin:
            raise Wrong("shard %s was %s, and is %s in entry %d" % (each.shard, origin, each.head[0], each.index))
        if each.head[1] < size or each.head[1] == size and each.head[2] != root:
            raise Wrong("shard %s had %d entries, and %d or others in entry %d of the directory: it was set back" % (each.shard, size, each.head[1], each.index))
        newest[each.shard] = each
    for head in heads:
        # What its last entry says of all logs must be true of each that any head shows to have been recorded by then.
        sizes = {each.shard: each.head[1] for each in head["recorded"]} if head["commits"] else None
        names = set(head["last"].shards) if head["last"] and head["last"].shards is not None else None
        known = [(each.shard, each.head[1]) for each in entries.values() if each.index < head["size"]]
        known += [(name, 0) for other in heads if other["last"] and other["size"] <= head["size"] for name in other["last"].shards or []]
        for shard, size in known:
            if names is not None and shard not in names or sizes is not None and sizes.get(shard, -1) < size:
                raise Wrong("the last entry under the head of %d does not tell of shard %s what was recorded by then" % (head["size"], shard))


def log_name(origin):
    """The last part of an origin, which the log's key signs: Runledger puts the shard there."""
    return origin.rpartition("/")[2]


class Anchors:
    """What the directory, witnesses and time stamps attest of the logs."""

    def __init__(self, bundle):
        # view: the newest head that counts, where there is any; else the newest that the caller's keys signed, else the newest.
        self.bundle, self.view, self.known, self.signed = bundle, None, [], []

    def read(self, content):
        self.known += self.bundle.since
        try:
            for head in parse_anchors(content.whole(MAX_ANCHORS)):
                self.read_head(head)
            require_one_history(self.signed)
        except (Wrong, UnicodeEncodeError) as error:
            self.bundle.findings.add("TAMPERED", "anchors.json", str(error))

    def read_head(self, anchor):
        bundle = self.bundle
        note = anchor["checkpoint"].encode()
        directory, is_signed = open_if_known(note, bundle.keys)
        if not directory[0].endswith("/directory"):
            raise Wrong("%s is no directory of logs" % directory[0])
        if not is_signed and bundle.names_directory():
            bundle.findings.add("UNTRUSTED", "anchors.json", "no key of yours signed the directory's head of %d entries" % directory[1])
        # Of one size a log has one root; the caller's earlier checkpoints are of the directory, too.
        if is_signed and any(each[:2] == directory[:2] and each[2] != directory[2] for each in self.known):
            raise Wrong("there are two heads of the directory with %d entries: two histories" % directory[1])
        self.known += [directory] if is_signed else []
        recorded = [proven_entry(each, directory) for each in anchor["recorded"]]
        names = [each.shard.encode() for each in recorded]
        if names != sorted(set(names)):
            raise Wrong("its shards are not in order")
        heads = self.heads_of(anchor, {each.shard: each.note for each in recorded})
        by = bundle.quorum_of(note, "anchors.json", bundle.findings)
        self.keep(directory, is_signed, is_signed and (by is not None or bundle.quorum == "none"), recorded)
        covered = [(log, min(head[1], log.head[1])) for log, head, own_signed in heads if is_signed and own_signed]
        for log, size in covered if by else ():
            log.times.cosigned(size, by)
            if size >= (log.witnessed["size"] if log.witnessed else 0):
                log.witnessed = {"size": size, "by": by[0]}
        if anchor["timestamp"] is None or bundle.certificate is None:
            return
        moment = stamped_at(strict_base64(anchor["timestamp"]), note, bundle.certificate)
        if moment is None:
            raise Wrong("the time stamp does not hold")
        for log, size in covered:
            log.stamped = {"size": size, "time": moment}
            log.times.attested.append((size, milliseconds(moment), "time stamp"))

    def heads_of(self, anchor, notes):
        """[(log, its head in the directory, is it signed)] of the bundle's logs, each of which the directory must agree with."""
        bundle = self.bundle
        if ("logs" in anchor) != bundle.manifest["several"]:
            raise Wrong("it is of another kind of bundle")
        shards = [log["shard"] for log in bundle.manifest["logs"] if log["shard"] in notes]
        if "logs" in anchor:
            proofs = [(each["shard"], parse_proof(each["consistency"])) for each in anchor["logs"]]
        elif not shards:
            raise Wrong("it does not tell of the bundle's shard")
        else:
            proofs = [(shards[0], parse_proof(anchor["consistency"]))]
        if [shard for shard, _ in proofs] != shards:
            raise Wrong("it does not prove of each log here what the directory recorded of it")
        heads = []
        for shard, proof in proofs:
            own, own_signed = open_if_known(notes[shard], bundle.keys)
            log = bundle.logs.get(shard)
            if log is None:
                continue
            if own[0] != log.head[0]:
                raise Wrong("the directory recorded %s, this log is %s" % (own[0], log.head[0]))
            small, large = sorted((own, log.head), key=lambda head: head[1])
            if not extends(small[1], small[2], large[1], large[2], proof):
                raise Wrong("the log does not agree with what the directory recorded")
            heads.append((log, own, own_signed))
        return heads

    def keep(self, directory, is_signed, counts, recorded):
        """counts: it says which logs there are. The caller's key signed it, and the quorum, if the policy asks for one, cosigned it."""
        origin, size = directory[:2]
        last = next((each for each in recorded if each.index == size - 1), None)
        hashed = sha256(canonical([[each.shard, each.head[1]] for each in recorded]).encode()).hex()
        committed = last.heads_sha256 if last else None
        head = {"origin": origin, "size": size, "rank": is_signed + counts, "counts": counts, "recorded": recorded, "last": last,
                "commits": committed == hashed, "is_other": committed not in (None, hashed)}
        if is_signed:
            self.signed.append(head)
        if self.view is None or (head["rank"], size) > (self.view["rank"], self.view["size"]):
            self.view = head

    def shards(self):
        """All that the directory recorded, by its word in the head that is looked at."""
        return self.view and [{"shard": each.shard, "origin": each.head[0], "size": each.head[1]} for each in self.view["recorded"]]

    def untold(self):
        """Logs whose keys the caller gave and that are not here, whatever a directory tells. No finding: a key does not tell when its log began."""
        if self.bundle.shard is not None:
            return []
        here = [log["origin"] for log in self.bundle.manifest["logs"]]
        return [name for name in dict.fromkeys(key[0] for key in self.bundle.keys) if name not in here and not name.endswith("/directory")]

    def check_all_logs(self):
        """Is every log here that the directory knows? False after a finding that one is not."""
        bundle, findings = self.bundle, self.bundle.findings
        here = [log["shard"] for log in bundle.manifest["logs"]]
        # By the name that its key signs: bundle.json may call any log so.
        asked = [log for log in bundle.manifest["logs"] if bundle.shard in (None, log_name(log["origin"]))]
        if not asked:
            findings.add("INCOMPLETE", "shard " + bundle.shard, "the bundle has nothing of it")
        if not bundle.names_directory():
            return bool(asked) and not self.untold()
        view = self.view if self.view and self.view["counts"] else None
        sizes = {}  # by the word of any signed head
        for head in self.signed:
            for each in head["recorded"]:
                sizes[each.shard] = max(each.head[1], sizes.get(each.shard, 0))
        for log in asked:
            if sizes.get(log["shard"], 0) > log["tree_size"]:
                findings.add("INCOMPLETE", "shard " + log["shard"], "the directory has recorded it with %d entries, and the bundle is of "
                             "its first %d" % (sizes[log["shard"]], log["tree_size"]))
        if view and view["is_other"]:
            findings.add("INCOMPLETE", "anchors.json", "these are not the newest heads that the directory had recorded by its last entry: "
                         "a log may be shown as it was earlier, or be left out")
        if bundle.shard is not None:
            return bool(asked)
        named = dict.fromkeys(list(sizes) + [name for head in self.signed if head["last"] for name in head["last"].shards or []])
        missing = [name for name in named if name not in here]
        for name in missing:
            findings.add("INCOMPLETE", "shard " + name, "the directory has recorded it, and the bundle has nothing of it; "
                         "if you asked for one log alone, say so (--shard)")
        if view is None or view["last"] is None:
            what = "the directory's last entry, which names all logs, is not shown" if view else \
                "no head of the directory here is cosigned by the quorum of your policy, so which logs there are is its own word alone" if self.signed else \
                "your policy names a directory of the logs, and nothing here shows which ones it knows"
            findings.add("INCOMPLETE", "anchors.json", what + "; or name the one log that you want (--shard)")
            return not missing
        last, shown = view["last"], {each.shard for each in view["recorded"]}
        for name in last.shards or []:
            if name in here and name not in shown:
                findings.add("INCOMPLETE", "shard " + name, "the directory names it, and how many entries it has recorded of it is not shown")
        # Of a directory with one shard the last entry is that shard's newest; that there is one alone, it says, or is alone itself.
        if last.heads_sha256 is None and (len(shown) > 1 or last.shards is None and view["size"] > 1):
            findings.add("INCOMPLETE", "anchors.json", "the directory's last entry has no heads_sha256, as those of earlier versions: that each log is "
                         "shown as it was last recorded does not show. Export again when a log has grown, or name the one log that you want (--shard)")
        newest = max(log.newest for log in bundle.logs.values())
        if newest and milliseconds(newest) - milliseconds(last.time) > 900_000:
            findings.add("INCOMPLETE", "anchors.json", "its newest head of the directory is of %s, and there are entries of %s: "
                         "a log that was begun between them would not show. Export again a minute after the newest record" % (last.time, newest))
        return not missing

    def notes(self):
        bundle = self.bundle
        notes = ["bundle.json calls the log %s by another name: %s." % (log.head[0], log.shard)
                 for log in bundle.logs.values() if log.shard != log_name(log.head[0])]
        for log in bundle.logs.values():
            name = "the log " + log.shard if bundle.manifest["several"] else "the log"
            if log.witnessed:
                notes.append("Cosigned by %s: %s's first %d entries." % (", ".join(log.witnessed["by"]), name, log.witnessed["size"]))
            if log.stamped:
                notes.append("Time stamp of %s: %s's first %d entries were there." % (log.stamped["time"], name, log.stamped["size"]))
            elif bundle.certificate is not None:
                notes.append("Not proven: that entries of %s were there at any time. No time stamp of the authority that you named covers them." % name)
        here = [log["shard"] for log in bundle.manifest["logs"]]
        shards, view = self.shards() or [], self.view
        others = ["%(shard)s (%(size)d entries)" % each for each in shards if each["shard"] not in here]
        if others:
            notes.append("This bundle is of %s alone. The directory knows other shards: %s." % (", ".join(here), ", ".join(others)))
        elif view and view["counts"] and view["last"] and (view["last"].shards, view["last"].heads_sha256) != (None, None) and not view["is_other"]:
            young = [shard for shard in here if shard not in [each["shard"] for each in shards]]
            more = ", and had not taken %s yet" % ", ".join(young) if young else ""
            notes.append("On %s the directory knew no log that is not here%s." % (view["last"].time, more))
        else:
            notes.append("Not proven: that there is no other log than %s." % ", ".join(here))
        if self.untold():
            notes.append("Not here, though you gave keys of them: %s. Left out, of another store, or begun later." % ", ".join(self.untold()))
        return notes


# --- Tiles --------------------------------------------------------------------------------------------------------

def at_level(level, size):
    return size >> (8 * level)


def edge_of(size):
    """(level, index, width) of the partial tiles, lowest first."""
    level = 0
    while at_level(level, size):
        hashes = at_level(level, size)
        if hashes % WIDTH:
            yield level, hashes // WIDTH, hashes % WIDTH
        level += 1


class Tiles:
    def __init__(self, size, root, pinned_sizes, findings):
        self.size, self.root, self.findings = size, root, findings
        self.tiles, self.last, self.checked, self.told = {}, -1, False, set()
        self.pinned = {each // WIDTH for each in pinned_sizes}

    def check_edge(self):
        if self.checked:
            return
        self.checked = True
        partials = []
        for level, index, width in edge_of(self.size):
            if (level, index) not in self.tiles:
                self.findings.add("INCOMPLETE", tile_path(level, index, width), "it is missing; the root is made from it")
                return
            partials.append(self.tiles[level, index])
        if root_of_edge(partials) != self.root:
            self.findings.add("TAMPERED", "checkpoint", "its root is not that of the tiles")

    def add(self, level, index, width, data):
        path = tile_path(level, index, width)
        there = at_level(level, self.size) - index * WIDTH
        if width != min(WIDTH, there) or len(data) != 32 * width:
            self.findings.add("TAMPERED", path, "this tree has no such tile, or of another length")
            return
        edge = there < WIDTH
        if (level, index) in self.tiles or (level == 0 and index <= self.last) or (edge and self.checked):
            self.findings.add("TAMPERED", path, "it is there twice, or out of order")
            return
        hashes = split_tile(data)
        if edge:
            self.tiles[level, index] = hashes
            return
        self.check_edge()
        above = self.tiles.get((level + 1, index // WIDTH), [])
        if index % WIDTH >= len(above):
            self.findings.add("INCOMPLETE", path, "the tile above it is missing")
        elif perfect_root(hashes) != above[index % WIDTH]:
            self.findings.add("TAMPERED", path, "it is not what the tile above it says")
        else:
            self.tiles[level, index] = hashes
        if level == 0 and index not in self.pinned:
            self.last = index

    def leaf(self, index):
        self.check_edge()
        tile = self.tiles.get((0, index // WIDTH), [])
        if index % WIDTH < len(tile):
            return tile[index % WIDTH]
        if index // WIDTH not in self.told and len(self.told) < WIDTH:
            self.told.add(index // WIDTH)
            self.findings.add("INCOMPLETE", "tile/0 number %d" % (index // WIDTH), "missing or wrong; entry %d needs it" % index)
        return None

    def prune(self):
        edge = self.size // WIDTH
        for level, index in list(self.tiles):
            if level == 0 and index not in self.pinned and index not in (self.last, edge):
                del self.tiles[level, index]

    def finish(self, since):
        self.check_edge()
        for each in since:
            if each[1] <= self.size:
                self.compare(each)

    def compare(self, since):
        expected = self.root
        if since[1] < self.size:
            partials = []
            for level, index, width in edge_of(since[1]):
                hashes = self.tiles.get((level, index), [])[:width]
                if len(hashes) < width:
                    self.findings.add("INCOMPLETE", "earlier checkpoint", "the bundle holds no tiles to compare with it: ask for them with since_checkpoint")
                    return
                partials.append(hashes)
            expected = root_of_edge(partials)
        if expected != since[2]:
            self.findings.add("TAMPERED", "checkpoint", "the log does not extend the earlier one of %d entries" % since[1])


# --- Runs ---------------------------------------------------------------------------------------------------------

FACTS = ("agent_name", "agent_version", "task_id", "task_type", "session_id", "user_id")
RUN_EVENTS = {"run_start", "run_heartbeat", "step", "run_end", "log"}


class Numbers:
    """A set of numbers: a bit each, in pages."""
    PAGE = 1024

    def __init__(self):
        self.pages, self.highest = {}, -1

    def add(self, value):
        page, bit = divmod(value, self.PAGE)
        self.pages[page] = self.pages.get(page, 0) | 1 << bit
        self.highest = max(self.highest, value)

    def missing(self, end):
        """The first 20 ranges that are not here."""
        gaps, following = [], 0
        for page in sorted(self.pages):
            mask, at = self.pages[page], page * self.PAGE
            while mask and at < end and len(gaps) < 20:
                skip = (mask & -mask).bit_length() - 1
                mask, at = mask >> skip, at + skip
                if at > following and following < end:
                    gaps.append([following, min(at, end) - 1])
                run = (~mask & mask + 1).bit_length() - 1
                mask, at = mask >> run, at + run
                following = at
        if following < end and len(gaps) < 20:
            gaps.append([following, end - 1])
        return gaps


def nano(usd):
    whole, _, fraction = usd.partition(".")
    return int(whole) * 10 ** 9 + int(fraction.ljust(9, "0"))


class Run:
    def __init__(self, e, several, sums):
        self.facts, self.several, self.logs, self.end_at, self.root_at = dict.fromkeys(FACTS), several, [], "", ""
        self.facts.update(run_id=e["run_id"], records=0, start_time=e["start_time"], end_time=e["end_time"], steps=0,
                          llm_calls=0, tool_calls=0, errors=0, input_tokens=None, output_tokens=None, models=[], tools=[], numbered=0,
                          outcome=None, reason=None, records_expected=None)
        self.facts.update(dict.fromkeys(("input_missing", "output_missing", "cost_missing"), 0) if sums else {})
        self.numbers, self.cost, self.root, self.end, self.started, self.sums = Numbers(), None, None, None, False, sums

    def place(self, index, shard):
        if not self.logs or self.logs[-1]["shard"] != shard:
            self.logs.append({"shard": shard, "first_index": index, "records": 0})
        self.logs[-1]["last_index"] = index
        self.logs[-1]["records"] += 1

    def add(self, index, e, shard):
        self.place(index, shard)
        f = self.facts
        f["records"] += 1
        f["start_time"], f["end_time"] = min(f["start_time"], e["start_time"]), max(f["end_time"], e["end_time"])
        is_start = e["event"] == "run_start" and not self.started
        for name in FACTS:
            if e["run"][name] is not None and (f[name] is None or is_start):
                f[name] = e["run"][name]
        self.started = self.started or is_start
        if e["run_seq"] is not None:
            f["numbered"] += 1
            self.numbers.add(e["run_seq"])
        if e["end"] is not None and not (self.several and e["received_time"] < self.end_at):
            self.end, self.end_at = e["end"], e["received_time"]
            f.update(outcome=self.end["outcome"], reason=self.end["reason"], records_expected=self.end["records"])
        if e["event"] == "step":
            self.step(e)

    def step(self, e):
        f, llm, tool = self.facts, e["llm"], e["tool"]
        f["steps"] += 1
        f["errors"] += e["status"] == "error"
        f["tool_calls"] += e["kind"] == "tool"
        if e["root"] and not (self.several and e["received_time"] < self.root_at):
            self.root_at = e["received_time"]
            self.root = "failed" if e["status"] == "error" else "completed"
        model = None if llm is None else llm["response_model"] if llm["response_model"] is not None else llm["request_model"]
        for names, name in ((f["models"], model), (f["tools"], tool and tool["name"])):
            if name and len(names) < 100 and name not in names:
                names.append(name)
        if llm is None or llm["counted"] is not True:
            return
        f["llm_calls"] += 1
        for name in ("input_tokens", "output_tokens"):
            if llm[name] is not None:
                # As doubles, one after the other: beyond 2^53 their sum is not the exact one.
                f[name] = float(f[name] or 0) + float(llm[name])
        if self.sums and e["status"] != "error":
            f["input_missing"] += llm["input_tokens"] is None
            f["output_missing"] += llm["output_tokens"] is None and e["operation"] != "embeddings"
            f["cost_missing"] += e["cost"] is None
        if e["cost"] is not None:
            self.cost = (self.cost or 0) + nano(e["cost"]["usd"])

    def finished(self):
        f = dict(self.facts)
        expected = f["records_expected"]
        highest = self.numbers.highest + 1
        f["gaps"] = self.numbers.missing(0 if not f["numbered"] else highest if expected is None else expected)
        f["status"] = self.end["status"] if self.end else self.root or "open"
        f["cost_usd"] = None if self.cost is None else "%d.%09d" % divmod(self.cost, 10 ** 9)
        f["models"], f["tools"] = sorted(f["models"]), sorted(f["tools"])
        if self.several:
            f["logs"] = self.logs
        else:
            f.update({name: self.logs[0][name] for name in ("first_index", "last_index")})
        return f


class Facts:
    def __init__(self, several, sums):
        self.runs, self.prices, self.several, self.sums, self.secret, self.known = {}, {}, several, sums, os.urandom(16), set()
        self.summary = {"entries": 0, "acts": 0, "first_received_time": None, "last_received_time": None}
        if several or sums:
            self.summary["duplicates"] = 0

    def note_time(self, received):
        s = self.summary
        first, last = s["first_received_time"], s["last_received_time"]
        if first is None or self.several and received < first:
            s["first_received_time"] = received
        if last is None or not self.several or received > last:
            s["last_received_time"] = received

    def add(self, index, e, shard):
        s = self.summary
        s["entries"] += 1
        self.note_time(e["received_time"])
        if self.several or self.sums:
            digest = hashlib.sha256(self.secret + e["record_id"].encode()).digest()[:8]
            if digest in self.known:
                s["duplicates"] += 1
                return
            self.known.add(digest)
        s["acts"] += e["event"] == "act"
        if e["cost"] is not None:
            key = (e["cost"]["price_table"], e["cost"]["price_version"])
            self.prices[key] = self.prices.get(key, 0) + 1
        if e["event"] in RUN_EVENTS:
            run = self.runs.get(e["run_id"])
            if run is None:
                run = self.runs[e["run_id"]] = Run(e, self.several, self.sums)
            run.add(index, e, shard)

    def all(self):
        return (self.runs[run_id].finished() for run_id in sorted(self.runs))

    def runs_json(self):
        return "[\n%s\n]\n" % ",\n".join(map(canonical, self.all()))

    def summary_json(self):
        prices = [{"name": n, "version": v, "records": self.prices[n, v]} for n, v in sorted(self.prices)]
        return canonical(dict(self.summary, runs=len(self.runs), price_tables=prices)) + "\n"


# --- Whether runs are whole (docs/bundle.md, "Runs") ---------------------------------------------------------------

WHY = {"log": "never arrived: every entry of the log is here, and they are none of them",
       "damaged": "were removed, or never arrived: entries of the log are missing",
       "selection": "are not here: withheld, elsewhere in the log, or never arrived"}


def milliseconds(time):
    """Of an RFC 3339 time in UTC, with or without seconds and a fraction."""
    whole, _, fraction = time[:-1].partition(".")
    year, month, day, hour, minute, second = map(int, re.split("[-T:]", whole if len(whole) > 16 else whole + ":00"))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = 365 * year + (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400 + (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)[month - 1]
    days += day - 1 + (leap and month > 2) - 719_528
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + int((fraction + "000")[:3])


def some_of(value, names):
    return value and [value.get(name) for name in names.split()]


def outcome_of(e):
    return [e["status"], some_of(e["end"], "status outcome reason records"), some_of(e["tool"], "name arguments_sha256 result_sha256")]


AGENT_FACTS = "decision guardrail approval handoff state artifact score limit privacy".split()
TOOL_SAFETY = "side_effect permission principal confirmed same_as cut_to_bytes fallback"


def said_of(e):
    """What the agent itself says there."""
    return [e["name"], e["operation"], e["error"], some_of(e["tool"], TOOL_SAFETY)] + [e.get(name) for name in AGENT_FACTS]


def identity_of(e):
    """Of what a record's id is of, as far as every collector of any version tells it alike: another is not the same record."""
    span = [e["trace_id"], e["step_id"], e["parent_id"]]
    if e["event"] != "log" or e["start_time"] != e["received_time"]:  # a log record without a time has that of its receipt
        span += [e["start_time"], e["end_time"]]
    return span if e["run_seq"] is None else span + [e["event"], e["run_id"], e["run_seq"], e.get("run_prev"), outcome_of(e), said_of(e)]


def facts_of(e):
    """What runs.json is made of, what was asked and decided, and what no dialect claimed."""
    call = some_of(e["llm"], "request_model response_model counted input_tokens output_tokens system_prompt_sha256 prompt_sha256 tools_sha256 "
                   "response_id finish_reasons tool_requests")
    return [e["event"], e["kind"], e["run_id"], outcome_of(e), some_of(e["run"], " ".join(FACTS)), call,
            some_of(e["cost"], "usd price_table price_version"), said_of(e), e["attributes"], e["events"]]


class Chain:
    """Of a run: its numbers, who names whom, its ends."""

    def __init__(self):
        self.links, self.numbers, self.ends, self.faults = {}, Numbers(), [], []
        self.seen, self.heartbeat, self.resumed = "", None, set()

    def add(self, e):
        number, end = e["run_seq"], e["end"]
        heartbeat = e["run"]["heartbeat_interval_ms"]
        self.seen = max(self.seen, e["received_time"])
        self.heartbeat = self.heartbeat if heartbeat is None else heartbeat
        if end is not None:
            self.ends.append((number, end["records"]))
        if number is None:
            return
        if number in self.links:
            self.faults.append("there are two records %d with different content" % number)
            return
        self.links[number] = (e["record_id"], e.get("run_prev"))
        self.numbers.add(number)
        if e["operation"] == "resume":
            self.resumed.add(number - 1)

    def problems(self, coverage):
        found = list(self.faults)
        chained = [n for n in self.links if n and self.links[n][1] is not None]
        first = min(chained, default=0)
        late = [n for n in self.links if n and self.links[n][1] is None and chained and n > first]
        if late:
            found.append("record %d names none before it, as others of its run do" % max(late))
        if self.links.get(0, (None, None))[1] is not None:
            found.append("record 0 names one before it")
        for n in sorted(chained):
            if n - 1 in self.links and self.links[n - 1][0] != self.links[n][1]:
                found.append("record %d does not name record %d as the one before it" % (n, n - 1))
        highest = self.numbers.highest
        number, expected = self.ends[0] if self.ends else (None, None)
        if any(other != number for other, _ in self.ends) or len(self.ends) > 1 and any(records is not None for _, records in self.ends):
            found.append("it has more than one end")
        if expected is not None and number is not None and expected != number + 1:
            found.append("its end is record %d and commits to %d records" % (number, expected))
        if expected is not None and highest >= expected:
            found.append("its end commits to %d records, and record %d is there" % (expected, highest))
            return found
        gaps = self.gaps()
        if gaps and coverage != "range":
            died = any(last + 1 in self.resumed for _, last in gaps)
            which = ", ".join(str(first) if first == last else "%d to %d" % (first, last) for first, last in gaps)
            found.append("records %s%s %s%s" % (which, "" if expected is None else " of %d" % expected, WHY[coverage],
                                                "; a process died before it had sent all, and another went on" if died else ""))
        return found

    def gaps(self):
        expected = self.ends[0][1] if self.ends else None
        return self.numbers.missing(self.numbers.highest + 1 if expected is None else expected)

    def state(self, newest):
        if self.ends:
            return "not numbered" if self.ends[0] == (None, None) else "whole"
        silence = 900_000 if self.heartbeat is None else max(3 * self.heartbeat, 60_000)
        return "crashed" if newest - milliseconds(self.seen) > silence else "still running"


RUN_STATES = ["whole", "not whole", "crashed", "still running", "not numbered", "partly here"]


class Chains:
    def __init__(self):
        self.runs, self.unnumbered, self.newest, self.told, self.others, self.retold = {}, {}, "", {}, [], []
        self.secret = os.urandom(16)  # else who makes records could look for two whose digests begin alike

    def is_again(self, e):
        """The first of an id counts. Another under it is a finding; the same with other facts a note."""
        record, identity, facts = (sha256(self.secret + json.dumps(each).encode()) for each in ([e["tenant"], e["record_id"]], identity_of(e), facts_of(e)))
        said = identity[:8] + facts[:8]
        first = self.told.setdefault(record[:16], said)
        if said[:8] != first[:8]:
            what = "there are two records %s with different content" % (e["record_id"] if e["run_seq"] is None else e["run_seq"])
            run = self.runs.get((e["tenant"], e["run_id"]))
            if run is None:
                self.others.append((e["run_id"], what))
            else:
                run.faults.append(what)
        elif said != first:
            self.retold.append("Record %s of run %s is told again with other facts (whose, status, model, prompt, tokens, cost, tool, attributes, …); the first counts. "
                               "A collector of another version or price table read it anew, or somebody made it up." % (e["record_id"], e["run_id"]))
        return first is not said

    def notes(self):
        more = len(self.retold) - 20
        return self.retold[:20] + (["… and %d more that are told again with other facts." % more] if more > 0 else [])

    def add(self, e):
        self.newest = max(self.newest, e["received_time"])
        if e["event"] not in RUN_EVENTS or self.is_again(e):
            return
        key = (e["tenant"], e["run_id"])
        if key not in self.runs:
            if e["run_seq"] is None and (e["end"] is None or e["end"]["records"] is None):
                self.unnumbered[key] = self.unnumbered.get(key, False) or e["end"] is not None
                return
            has_end = self.unnumbered.pop(key, False)
            self.runs[key] = Chain()
            self.runs[key].ends += [(None, None)] if has_end else []
        self.runs[key].add(e)

    def finish(self, coverage, findings, gone_on=""):
        """(counts by state, lines of runs without an end); what is wrong becomes findings."""
        counts, open_runs = {}, []
        newest = max(map(milliseconds, filter(None, (self.newest, gone_on))), default=0)
        for run_id, what in self.others:
            findings.add("INCOMPLETE", "run " + run_id, what)
        for (_, run_id), chain in self.runs.items():
            problems = chain.problems(coverage)
            for what in problems:
                findings.add("INCOMPLETE", "run " + run_id, what)
            state = chain.state(newest)
            if not chain.ends:
                open_runs.append("%s run %s: %d records and no end, last seen %sZ" % (state, run_id, max(chain.links, default=-1) + 1, chain.seen[:19]))
            word = "not whole" if problems else "partly here" if chain.gaps() else state
            counts[word] = counts.get(word, 0) + 1
        if self.unnumbered:
            counts["not numbered"] = counts.get("not numbered", 0) + len(self.unnumbered)
        return counts, open_runs


# --- Times of receipt (docs/audit-log.md, "Times") ------------------------------------------------------------------

class Times:
    """What entries say of their receipt, held against their order and against what others attest. Notes, no verdict."""
    CLOCK, LATE, MOST = 60_000, 900_000, 20

    def __init__(self):
        self.attested, self.heads, self.newest, self.latest, self.passed = [], None, None, None, 0
        self.open, self.notes, self.more = {}, [], 0

    def cosigned(self, size, by):
        self.attested.append((size, by[1] * 1000, "cosigned by " + ", ".join(by[0])))

    def add(self, index, received):
        ms = milliseconds(received)
        if self.heads is None:
            self.heads = sorted(head for head in self.attested if head[0])
        while self.passed < len(self.heads) and self.heads[self.passed][0] <= index:
            if self.latest is None or self.heads[self.passed][1] > self.latest[1]:
                self.latest = self.heads[self.passed]
            self.passed += 1
        following = min(self.heads[self.passed:], key=lambda head: head[1], default=None)
        attests = lambda head: "%s as its head of %d entries attests (%s)" % (self.iso(head[1]), head[0], head[2])
        is_back = self.newest is not None and ms < self.newest[1] - self.CLOCK
        self.see("back", index, ms, min, is_back and "entry %d, received at %s" % (self.newest[0], self.iso(self.newest[1])))
        self.see("early", index, ms, max, following and ms > following[1] + self.CLOCK and attests(following))
        self.see("late", index, ms, min, self.latest and ms < self.latest[1] - self.LATE and attests(self.latest))
        if self.newest is None or ms > self.newest[1]:
            self.newest = (index, ms)

    WORDS = {"back": ("and behind", "a clock was set back, a journal came late, or back-dated"),
             "early": ("and stood in the log by", "the collector's clock was ahead, or the time is made up"),
             "late": ("and came after", "a journal came late, a clock was behind, or back-dated")}

    def see(self, kind, index, ms, extreme, than):
        """Joins entries one behind the other that contradict the same."""
        one = self.open.get(kind)
        if one and one[3] == than:
            one[1], one[2] = index, extreme(one[2], ms)
            return
        self.close(kind)
        if than:
            self.open[kind] = [index, index, ms, than]

    def close(self, kind):
        first, last, ms, than = self.open.pop(kind, (0, 0, 0, None))
        if than is None:
            return
        if len(self.notes) == self.MOST:
            self.more += 1
            return
        which = "Entry %d says" % first if first == last else "Entries %d to %d say" % (first, last)
        behind, why = self.WORDS[kind]
        self.notes.append("%s to have been received at %s, %s %s: %s." % (which, self.iso(ms), behind, than, why))

    @staticmethod
    def iso(ms):
        moment = time.gmtime(ms // 1000)  # strftime does not fill up years below 1000 everywhere
        return "%04d-%02d-%02dT%02d:%02d:%02dZ" % moment[:6]

    def finish(self):
        for kind in self.WORDS:
            self.close(kind)
        return self.notes + (["… and %d more of times that do not fit." % self.more] if self.more else [])


# --- Payloads -----------------------------------------------------------------------------------------------------

LINE_FORMS = [{"length", "media_type", "offset", "sha256"},
              {"commitment", "key_id", "length", "media_type", "offset", "payload_key", "sha256"},
              {"commitment", "erased_by", "key_id", "media_type", "sha256"},
              {"commitment", "erased_by", "erased_in", "key_id", "media_type", "sha256"},
              {"media_type", "missing", "sha256"}, {"commitment", "key_id", "media_type", "missing", "sha256"}]


def parse_payload_line(data):
    line = parse_canonical(data)
    if not isinstance(line, dict) or set(line) not in LINE_FORMS:
        return None
    hexes = [line["sha256"]] + ([line["commitment"]] if "commitment" in line else [])
    counts = [line[name] for name in ("length", "offset", "erased_by") if name in line]
    texts = [line[name] for name in ("media_type", "key_id", "missing", "erased_in") if name in line]
    ok = all(isinstance(h, str) and HEX64.match(h) for h in hexes) and all(map(is_count, counts)) and all(isinstance(t, str) for t in texts)
    ok = ok and "" not in (line.get("key_id", "x"), line.get("erased_in", "x")) and len(line.get("missing", "")) <= 1000
    if "payload_key" in line:
        ok = ok and isinstance(line["payload_key"], str) and re.fullmatch(r"[0-9a-f]{128}", line["payload_key"]) is not None
    return line if ok else None


is_own_reference = reference(True)
is_piece = or_null(lambda value: is_count(value) or isinstance(value, list) and len(value) == 2 and all(map(is_count, value)))
is_delta = members({"base": is_own_reference, "pieces": lambda value: isinstance(value, list) and len(value) <= 1000 and None not in value and all(map(is_piece, value)),
                    "sha256": HASH, "size_bytes": is_count}, only=True)


def payload_id(ref):
    """What identifies a payload; begins with its hash. Texts are stored once, whatever media types they are referred to with."""
    form = ref["media_type"] if ref["media_type"] in (MESSAGES, DELTA) else "text"
    return "%s%s %s %s" % (ref["sha256"], ref.get("commitment", ""), form, ref.get("key_id", ""))


def parse_delta(plaintext):
    """(head, the node's own bytes). Raises ValueError when it is no difference."""
    head, newline, own = plaintext.partition(b"\n")
    node = parse_canonical(head)
    if not newline or not is_delta(node):
        raise ValueError("it is no difference")
    lengths = [(piece, piece) if is_count(piece) else (0, piece[1]) for piece in node["pieces"]]
    if sum(each for each, _ in lengths) != len(own) or sum(each for _, each in lengths) != node["size_bytes"] or node["size_bytes"] > MAX_TEXT:
        raise ValueError("its pieces do not make it up")
    return node, own


MAX_TEXT, MAX_MESSAGES = (1 << 29) - 24, 1 << 25
LIST_BEGIN, LIST_REST = '{"base":', re.compile(r',"base_count":(0|[1-9][0-9]{0,15}),"messages":(\[.*\])\}\Z', re.S)


def parse_list(plaintext):
    """(base, how many messages are before it, the array of its own as text, their number). Raises ValueError when it is no list."""
    text = plaintext.decode("utf-8", "replace")
    try:
        end = json.JSONDecoder().raw_decode(text, len(LIST_BEGIN))[1] if text.startswith(LIST_BEGIN) else 0
    except RecursionError:  # no reference nests so deep
        end = 0
    rest = LIST_REST.match(text, end)
    begin = text[len(LIST_BEGIN):end]
    base = None if begin == "null" else parse_canonical(begin.encode())
    ok = rest and is_count(int(rest.group(1))) and (rest.group(1) == "0" if begin == "null" else is_own_reference(base))
    if not ok:
        raise ValueError("it is no list of messages")
    return base, int(rest.group(1)), rest.group(2), count_of_array(rest.group(2))


def count_of_array(text):
    # No space where nothing is; all else is as JSON has it.
    if text[:1] != "[" or text[-1:] != "]" or re.match(r"\[[ \t\n\r]+\]\Z", text):
        raise ValueError("it is no list of messages")
    try:
        if text.count(",") < MAX_MESSAGES:
            return len(json.loads(text, parse_constant=no_number, parse_int=len, parse_float=len))
    except RecursionError:
        pass
    depth, count = 0, 1
    for token in re.finditer(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', text, re.S):
        mark = token.group()
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        count += mark == "," and depth == 1
        if count > MAX_MESSAGES:
            raise ValueError("it has too many messages")
    if not is_deep_json(text):
        raise ValueError("it is no list of messages")
    return count


def base_of(media_type, plaintext):
    """The reference to the payload that this one goes on from, or None. Raises ValueError when it is not of its media type."""
    if media_type == MESSAGES:
        return parse_list(plaintext)[0]
    return parse_delta(plaintext)[0]["base"] if media_type == DELTA else None


class Absent(Exception):
    """A payload that the bundle does not hold, or not as it must be."""


def text_of(whole, arrays):
    """Of a payload that is one text, or of a list's arrays, one behind the other."""
    if whole is not None:
        return whole
    text = ("[%s]" % ",".join(array[1:-1] for array in arrays if array != "[]")).encode()
    if len(text) > MAX_TEXT:
        raise ValueError("a list is too long for a text")
    return text


def key_of(ref):
    """All that a reference says: what was found of one that differs in anything says nothing of it."""
    return json.dumps(ref, sort_keys=True)


class Contents:
    """Plaintexts that their lines' hashes or commitments fit, and whether they are what records and other contents state of them."""
    MAX_MEMORY, MAX_TEXTS, MAX_REMEMBERED = 32 << 20, 128 << 20, 100_000

    def __init__(self):
        self.secret, self.places, self.end, self.file = os.urandom(16), {}, 0, None
        # right: nodes that were found right, of a list how many messages it has; texts: whole texts of differences, those used last.
        self.right, self.texts, self.text_bytes = {}, collections.OrderedDict(), 0

    def digest(self, identity):
        return hashlib.sha256(self.secret + identity.encode()).digest()[:8]

    def add(self, line, plaintext):
        digest = self.digest(payload_id(line))
        if digest in self.places:
            return
        if self.file is None:
            self.file = tempfile.SpooledTemporaryFile(self.MAX_MEMORY)
        self.file.seek(self.end)
        self.file.write(plaintext)
        self.places[digest] = (self.end, len(plaintext))
        self.end += len(plaintext)

    def close(self):
        if self.file is not None:
            self.file.close()

    def has(self, ref):
        return self.digest(payload_id(ref)) in self.places

    def read(self, ref):
        place = self.places.get(self.digest(payload_id(ref)))
        if place is None:
            raise Absent("the payload %s, which it goes on from, is not here to be looked at" % ref["sha256"])
        # How large deflated bytes are sealed can't be told from a plaintext; else they have salt and tag.
        size = ref.get("inflated_bytes", ref["size_bytes"] - (32 if "key_id" in ref else 0))
        if place[1] != size:
            raise ValueError("the payload %s does not have the size that its reference says" % ref["sha256"])
        self.file.seek(place[0])
        return self.file.read(size)

    @staticmethod
    def resolved(base, ref):
        """Where a base lies that the payload at ref names."""
        if base is None or base["pack"] != "0" * 64:
            return base
        if base["offset"] >= ref["offset"]:
            raise ValueError("the base of the payload %s comes after it" % ref["sha256"])
        return dict(base, pack=ref["pack"])

    def base(self, ref):
        return self.resolved(base_of(ref["media_type"], self.read(ref)), ref)

    def check(self, entry, name, ref):
        """Raises ValueError, or Absent, when a content is not what is stated of it."""
        if ref["media_type"] in (MESSAGES, DELTA):
            self.check_nodes(ref)
        else:
            self.read(ref)
        if name == "messages" and ref["media_type"] != MESSAGES:
            self.messages(ref)
        if name == "overflow":
            moved = parse_canonical(self.text(ref))
            whole = dict(entry, **moved) if isinstance(moved, dict) else None
            fits = is_record(whole)
            LATER.clear()
            if not fits:
                raise ValueError("the overflow of record %s does not fit it" % entry["record_id"])

    def check_nodes(self, ref):
        chain = []
        while ref is not None and ref["media_type"] in (MESSAGES, DELTA) and key_of(ref) not in self.right:
            chain.append(ref)
            ref = self.base(ref)
        for node_ref in reversed(chain):
            count = None
            if node_ref["media_type"] == DELTA:
                self.text(node_ref)
            else:
                base, before, _, own = parse_list(self.read(node_ref))
                base = self.resolved(base, node_ref)
                if before != (0 if base is None else self.count(base)):
                    raise ValueError("the list %s counts other messages before it than there are" % node_ref["sha256"])
                count = before + own
            if len(self.right) >= self.MAX_REMEMBERED:
                self.right.clear()
            self.right[key_of(node_ref)] = count

    def count(self, ref):
        known = self.right.get(key_of(ref))
        return self.messages(ref) if known is None else known

    def messages(self, ref):
        """How many a list holds, however it is stored."""
        whole, _, total = self.gather(ref)
        return total if whole is None else count_of_array(whole.decode("utf-8", "replace"))

    def gather(self, ref):
        """(whole text, or None for a list; then the texts of its nodes' arrays, and how many messages they hold). From its last base upwards: nothing calls itself."""
        chain = []
        while ref is not None and ref["media_type"] in (MESSAGES, DELTA) and key_of(ref) not in self.texts:
            chain.append(ref)
            ref = self.base(ref)
        whole, arrays, total = None if ref is None else self.texts.get(key_of(ref)), [], 0
        if whole is not None:
            self.texts.move_to_end(key_of(ref))
        elif ref is not None:
            whole = self.read(ref)
        for ref in reversed(chain):
            if ref["media_type"] == DELTA:
                whole = self.joined(ref, text_of(whole, arrays))
                self.remember(key_of(ref), whole)
                continue
            if whole is not None:
                array = whole.decode("utf-8", "replace")
                whole, arrays, total = None, [array], count_of_array(array)
            _, before, array, own = parse_list(self.read(ref))
            if before != total:
                raise ValueError("the list %s counts other messages before it than there are" % ref["sha256"])
            arrays.append(array)
            total += own
        return whole, arrays, total

    def text(self, ref):
        """The whole text, as bytes."""
        return text_of(*self.gather(ref)[:2])

    def joined(self, ref, base):
        head, own = parse_delta(self.read(ref))
        parts, at = [], 0
        for piece in head["pieces"]:
            begin, length, source = (at, piece, own) if is_count(piece) else (*piece, base)
            if begin + length > len(source) and length > 0:
                raise ValueError("the difference %s takes bytes that its base does not have" % ref["sha256"])
            at += length if source is own else 0
            parts.append(source[begin:begin + length])
        whole = b"".join(parts)
        if hashlib.sha256(whole).hexdigest() != head["sha256"]:
            raise ValueError("the payload %s and its bases do not make up the text %s" % (ref["sha256"], head["sha256"]))
        return whole

    def remember(self, key, text):
        if len(text) > self.MAX_TEXTS:
            return
        self.texts[key] = text
        self.text_bytes += len(text)
        while self.text_bytes > self.MAX_TEXTS:
            self.text_bytes -= len(self.texts.popitem(last=False)[1])


class Payloads:
    def __init__(self, expected, findings):
        self.expected, self.findings = expected, findings
        self.contents, self.seen, self.erasures, self.came_after, self.too_young = Contents(), set(), {}, [], []
        self.index, self.entries, self.needed, self.lines, self.provided, self.bytes_read = None, (), {}, None, {}, False
        self.bases = {}
        self.opened, self.checked, self.erased = set(), 0, 0

    def expect(self, index, entries):
        self.settle()
        self.index, self.entries, self.needed, self.lines, self.provided, self.bytes_read = index, entries if self.expected else (), {}, None, {}, False
        self.bases = {}
        for at, entry in self.entries:
            for name, ref in entry["payloads"].items():
                self.need(ref, "record %s, payload %s" % (entry["record_id"], name), (at, milliseconds(entry["received_time"])))

    def need(self, ref, by, place):
        """needed: by identity, who needs it first, the media types of all references to it, and index and time of the first one's entry."""
        self.needed.setdefault(payload_id(ref), (by, set(), place))[1].add(ref["media_type"])

    def need_bases(self):
        """In whatever order payloads stand: what is needed goes on from its base, this from another."""
        for identity, (_, _, place) in list(self.needed.items()):
            while identity in self.bases:
                base = self.bases[identity]
                known = payload_id(base) in self.needed
                self.need(base, "payload %s, its base" % identity[:64], place)
                if known:
                    break
                identity = payload_id(base)

    def settle(self):
        if self.index is None:
            return
        self.need_bases()
        path = "payloads/%015d" % self.index
        if self.lines is not None and not self.bytes_read:
            self.findings.add("INCOMPLETE", path + ".bin", "it is missing")
        for identity, (by, _, _) in self.needed.items():
            if identity not in self.provided and self.contents.digest(identity) not in self.seen:
                self.findings.add("INCOMPLETE", by, "the payload %s is missing" % identity[:64])
        for identity, media_type in self.provided.items():
            if identity not in self.needed:
                self.findings.add("TAMPERED", path + ".jsonl", "nothing refers to the payload %s with this commitment, key and form" % identity[:64])
            elif media_type not in self.needed[identity][1]:
                self.findings.add("TAMPERED", path + ".jsonl", "the payload %s has no reference with the media type %s" % (identity[:64], media_type))
            if self.contents.digest(identity) in self.seen:
                self.findings.add("TAMPERED", path + ".jsonl", "the payload %s is there twice" % identity[:64])
            self.seen.add(self.contents.digest(identity))
        for line in self.lines or ():
            if "erased_by" in line:
                needed = self.needed.get(payload_id(line))
                self.erasures.setdefault((line.get("erased_in"), line["erased_by"], line["key_id"]), []).extend([needed[2]] if needed else [])
        for _, entry in self.entries:
            self.check_contents(entry)
        self.index, self.entries = None, ()

    def check_contents(self, entry):
        for name, ref in entry["payloads"].items():
            if not self.contents.has(ref):
                continue  # missing, erased or not what it must be, which is told
            try:
                self.contents.check(entry, name, ref)
            except (Absent, ValueError) as error:
                verdict = "INCOMPLETE" if isinstance(error, Absent) else "TAMPERED"
                self.findings.add(verdict, "record %s, payload %s" % (entry["record_id"], name), str(error))

    def read_lines(self, index, content):
        if not self.expected or index != self.index or self.lines is not None:
            self.findings.add("TAMPERED", content.path, "it is out of place")
            return
        self.lines = []
        if content.size > 512 << 20:  # all of a file are in memory at once
            self.findings.add("TAMPERED", content.path, "it has more than %d bytes" % (512 << 20))
            return
        for data in content.lines(10_000):
            line = None if data is None else parse_payload_line(data)
            if line is None or len(self.lines) == 4_000_000:
                self.findings.add("TAMPERED", content.path, "line %d is none of a payload" % (len(self.lines) + 1))
                return
            if payload_id(line) in self.provided:
                self.findings.add("TAMPERED", content.path, "the payload %s is there twice" % line["sha256"])
            self.lines.append(line)
            self.provided[payload_id(line)] = line["media_type"]
            if "missing" in line:
                self.findings.add("INCOMPLETE", content.path, "the payload %s was not to be had" % line["sha256"])
            if "erased_by" in line:
                self.erased += 1

    def read_bytes(self, index, content):
        if not self.expected or index != self.index or self.lines is None or self.bytes_read:
            self.findings.add("TAMPERED", content.path, "it is out of place")
            return
        self.bytes_read, at = True, 0
        placed = [line for line in self.lines if "length" in line]
        for line in placed:
            if line["offset"] != at or line["length"] > MAX_TEXT:
                at = -1
                break
            at += line["length"]
        if at != content.size:
            self.findings.add("TAMPERED", content.path, "it is not made of the payloads that its lines say")
            return
        for line in placed:
            plaintext = content.take(line["length"])
            self.checked += 1
            if "payload_key" in line:
                key = bytes.fromhex(line["payload_key"])[32:]
                ok = hmac.compare_digest(hmac.new(key, plaintext, "sha256").hexdigest(), line["commitment"])
            else:
                ok = hashlib.sha256(plaintext).hexdigest() == line["sha256"]
            if not ok:
                self.findings.add("TAMPERED", content.path, "the payload %s is not what its entry was logged with" % line["sha256"])
                continue
            self.contents.add(line, plaintext)
            if "key_id" in line and len(self.opened) < 200_000:
                self.opened.add(line["key_id"])
            try:
                base = base_of(line["media_type"], plaintext)
            except (ValueError, KeyError, TypeError, RecursionError):
                self.findings.add("TAMPERED", content.path, "the payload %s is not of its media type" % line["sha256"])
                continue
            if base is not None:
                self.bases[payload_id(line)] = base

    def let_go(self):
        """After the last file of this log: settles, and lets go of what was kept."""
        self.settle()
        self.contents.close()
        self.contents, self.seen = Contents(), set()

    def finish(self, shard, erased_in, erasure_of):
        """erased_in: per log, by index, what its acts have destroyed; erasure_of: the entry of an erasure of the key."""
        for key_id in self.opened:
            if erasure_of(key_id):
                self.findings.add("INCOMPLETE", "key " + key_id, erasure_of(key_id) + " says that it was destroyed, and what it sealed is here: the erasure "
                                  "was not finished, or an old copy of the keys was put back")
        for (other, index, key_id), contents in self.erasures.items():
            ids, prefixes, act_ms, retention_ms = erased_in.get(shard if other is None else other, {}).get(index, ((), (), 0, 0))
            if other == shard or key_id not in ids and key_id[:3] not in prefixes:
                entry = "entry %d%s" % (index, "" if other is None else " of " + other)
                self.findings.add("INCOMPLETE", "key " + key_id, entry + ", said to erase it, is not there or does not say so")
                continue
            for at, ms in contents:
                # Of its own log by their places, of another by their times.
                if at > index if other is None else ms > act_ms:
                    self.came_after.append(at)
                elif 0 < retention_ms and act_ms - ms < retention_ms:
                    self.too_young.append(at)

    def notes(self):
        kinds = [(self.came_after, "Contents came after the act that is said to have erased them: %d, the first of entry %d. An erasure that a hold made wait, "
                                   "or a month that expired again, looks the same."),
                 (self.too_young, "Contents are said to have expired before they were as old as the act says: %d, the first of entry %d. A clock that was ahead "
                                  "looks the same.")]
        return [words % (len(found), min(found)) for found, words in kinds if found]


# --- The bundle ---------------------------------------------------------------------------------------------------

class Log:
    """One log of a bundle, from its checkpoint on."""

    def __init__(self, bundle, log, note):
        self.bundle, self.log, self.note, self.shard = bundle, log, note, log["shard"]
        self.findings = Within(bundle.findings, self.shard) if bundle.manifest["several"] else bundle.findings
        self.head, self.signed_by, wrong = open_checkpoint(note, bundle.keys)
        if self.head is None:
            raise Broken("TAMPERED", bundle.path_of(self.shard, "checkpoint"), wrong[1])
        if wrong:
            self.findings.add("UNTRUSTED" if wrong[0] == "untrusted" else "TAMPERED", "checkpoint", wrong[1])
        origin, size, root = self.head
        if (log["origin"], log["tree_size"]) != (origin, size):
            raise Broken("TAMPERED", "bundle.json", "it tells of another log than the checkpoint")
        self.times, self.witnessed, self.stamped = Times(), None, None
        by = bundle.quorum_of(note, "checkpoint", self.findings)
        if by:
            self.witnessed = {"size": size, "by": by[0]}
            self.times.cosigned(size, by)
        # Of one log an earlier checkpoint is compared with it, whatever log it is of; of a directory a bundle holds no tiles.
        self.since = [each for each in bundle.since if each[0] == origin or not bundle.manifest["several"] and not each[0].endswith("/directory")]
        for each in self.since:
            if each[0] != origin:
                self.findings.add("TAMPERED", "checkpoint", "the earlier one is of %s, this log is %s" % (each[0], origin))
            if each[1] > size:
                self.findings.add("TAMPERED", "checkpoint", "the log had %d entries and has %d now" % (each[1], size))
        pinned = [size] + [each[1] for each in self.since] + ([] if log["since_checkpoint"] is None else [log["since_checkpoint"]])
        self.tiles = Tiles(size, root, pinned, self.findings)
        self.payloads = Payloads(bundle.manifest["content"], self.findings)
        self.last = self.proof_last = -1
        self.later = self.count = self.inside = self.proofs = self.bundle_total = 0
        self.before = self.after = None
        self.newest = ""
        self.erasures = {}  # by key, or by what keys begin with: the first act of an erasure
        self.leaves, self.erased_at, self.bundles, self.current = {}, {}, {}, None

    def read_file(self, kind, numbers, content):
        if kind == "tile":
            self.tiles.add(*numbers, content.whole())
        elif kind == "bundle":
            self.expect_bundle(*numbers, content)
        elif kind == "entries":
            self.payloads.expect(numbers[0], self.read_entries(numbers[0], content))
            self.tiles.prune()
        elif kind == "lines":
            self.payloads.read_lines(numbers[0], content)
        elif kind == "bytes":
            self.payloads.read_bytes(numbers[0], content)
        else:
            self.read_proof(numbers[0], content)

    def expect_bundle(self, index, width, content):
        self.bundle_total += 1
        if self.log["selection"] != "log":
            self.findings.add("TAMPERED", content.path, "only whole logs have such files")
        if index in self.bundles or width != min(WIDTH, self.head[1] - index * WIDTH):
            self.findings.add("TAMPERED", content.path, "it is there twice, or not of this tree")
        else:
            self.bundles[index] = content.drain()

    def close_bundle(self):
        if self.current is None:
            return
        index, digest = self.current
        expected = self.bundles.pop(index, None)
        if expected is not None and expected != digest.hexdigest():
            self.findings.add("TAMPERED", "tile/entries number %d" % index, "it does not hold the entries of entries/")
        self.current = None

    def read_entries(self, first, content):
        entries, number = [], 0
        for number, line in enumerate(content.lines(70_000), 1):
            match = None if line is None else re.match(rb"\[(0|[1-9][0-9]{0,14}),(.*)\]\Z", line, re.S)
            index = int(match.group(1)) if match else None
            if number == 1 and index != first:
                self.findings.add("TAMPERED", content.path, "it does not begin with the entry that it is named after")
            if number == 4097:
                self.findings.add("TAMPERED", content.path, "it has too many lines")
                break
            if match is None or index <= self.last:
                self.findings.add("TAMPERED", content.path, "line %d is no entry with an index, or out of order" % number)
                continue
            entry = self.entry(index, match.group(2))
            if entry is not None:
                entries.append((index, entry))
        if number == 0:
            self.findings.add("TAMPERED", content.path, "it is empty")
        return entries

    def entry(self, index, data):
        self.last = index
        self.count += 1
        leaf = sha256(b"\x00" + data)
        if len(self.leaves) < 100:
            self.leaves[index] = leaf
        if self.current is None or self.current[0] != index // WIDTH:
            self.close_bundle()
            self.current = (index // WIDTH, hashlib.sha256())
        self.current[1].update(struct.pack(">H", len(data) & 0xFFFF) + data)
        expected = self.tiles.leaf(index)
        if expected is None:
            return None
        if len(data) > 0xFFFF:
            self.findings.add("TAMPERED", "entry %d" % index, "it is longer than entries of a log can be")
            return None
        if leaf != expected:
            self.findings.add("TAMPERED", "entry %d" % index, "it is not what its tile says")
            return None
        entry = parse_canonical(data)
        LATER.clear()
        if not is_record(entry):
            what = "it is no record" if entry is not None else "it is not canonical JSON (RFC 8785), or nested deeper than %d" % MAX_NESTING
            self.findings.add("TAMPERED", "entry %d" % index, what)
            return None
        self.later += bool(LATER)
        self.newest = max(self.newest, entry["received_time"])
        if not self.is_selected(index, entry):
            return None
        self.bundle.facts.add(index, entry, self.shard)
        self.bundle.chains.add(entry)
        self.times.add(index, entry["received_time"])
        return entry

    def is_selected(self, index, entry):
        act = (entry["event"] == "act" and entry.get("act")) or {}
        erased = None
        if act.get("action") in ("erasure", "expiry"):
            lists = [act["target"].get(name) for name in ("key_ids", "key_id_prefixes")]
            erased = [set(filter(any_text, each if isinstance(each, list) else [])) for each in lists]
            days = act["target"].get("retention_days") if act["action"] == "expiry" else 0
            self.erased_at[index] = erased + [milliseconds(entry["received_time"]), days * 86_400_000 if is_count(days) else 0]
            for name in set().union(*erased) if act["action"] == "erasure" else ():
                self.erasures.setdefault(name, index)
        if entry["tenant"] != self.bundle.manifest["tenant"]:
            if erased is not None and act["action"] == "expiry":
                return False
            self.findings.add("TAMPERED", "entry %d" % index, "it is of another tenant")
            return False
        if self.log["range"] is None:
            return True
        first, end = self.log["range"]
        if first <= index < end:
            self.inside += 1
            return True
        if index == first - 1:
            self.before = entry["received_time"]
        elif index == end:
            self.after = entry["received_time"]
        elif erased is None:
            self.findings.add("TAMPERED", "entry %d" % index, "it is outside of the range that was exported")
        return False

    def read_proof(self, index, content):
        self.proofs += 1
        if index <= self.proof_last:
            self.findings.add("TAMPERED", content.path, "it is there twice, or out of order")
        self.proof_last = index
        data = content.whole()
        head, _, note = data.partition(b"\n\n")
        lines = head.decode("utf-8", "replace").split("\n") if is_utf8(data) else []
        has_extra = len(lines) > 1 and lines[1].startswith("extra ")
        extra = lines.pop(1)[len("extra "):] if has_extra else None
        hashes = [strict_base64(line) for line in lines[2:]]
        ok = ((extra is None or strict_base64(extra) is not None) and lines[:2] == ["c2sp.org/tlog-proof@v1", "index %d" % index] and all(h and len(h) == 32 for h in hashes) and note == self.note
              and len(hashes) <= 64 and index in self.leaves
              and leads_to(self.leaves[index], index, self.head[1], hashes, self.head[2]))
        if not ok:
            self.findings.add("TAMPERED", content.path, "it does not prove entry %d" % index)

    def finish(self, erased_in):
        self.tiles.finish(self.since)
        self.close_bundle()
        for index in self.bundles:
            self.findings.add("TAMPERED", "tile/entries number %d" % index, "its entries are not in entries/")
        if 0 < self.bundle_total < -(-self.head[1] // WIDTH):
            self.findings.add("INCOMPLETE", "tile/entries", "some of it is missing")
        self.payloads.finish(self.shard, erased_in, self.bundle.erasure_of)
        self.check_range()
        if 0 < self.proofs < self.count:
            self.findings.add("INCOMPLETE", "proofs", "%d of %d are missing" % (self.count - self.proofs, self.count))
        self.check_witnessed()

    def check_witnessed(self):
        quorum = self.bundle.quorum
        if quorum == "none":
            return
        if self.witnessed is None:
            what = "neither it nor a directory's head that covers it is cosigned by the quorum %s of your policy" % quorum
            self.findings.add("UNTRUSTED", "checkpoint", what)
        elif self.witnessed["size"] <= self.last:
            where = "entries %d to %d" % (self.witnessed["size"], self.last)
            self.findings.add("INCOMPLETE", where, "they are not under the quorum %s of your policy" % quorum)

    def check_range(self):
        if self.log["range"] is None:
            return
        first, end = self.log["range"]
        hidden = self.log["hidden"]
        missing = end - first - hidden - self.inside
        if missing:
            what = "%d entries of the range are missing" % missing if missing > 0 else "there are more than bundle.json says"
            self.findings.add("INCOMPLETE" if missing > 0 else "TAMPERED", "entries", what)
        given = self.bundle.manifest["filter"]
        since, until = given.get("since"), given.get("until")
        if since is None and first > 0:
            self.findings.add("INCOMPLETE", "entries", "nothing was asked for that leaves out the first %d: the range is cut short" % first)
        if until is None and end < self.log["tree_size"]:
            self.findings.add("INCOMPLETE", "entries", "nothing was asked for that leaves out the last %d: the range is cut short" % (self.log["tree_size"] - end))
        bounds = []
        if since is not None and first > 0:
            bounds.append((first - 1, self.before, lambda time: time < since))
        if until is not None and end < self.log["tree_size"]:
            bounds.append((end, self.after, lambda time: time >= until))
        for index, time, outside in bounds:
            if time is None:
                self.findings.add("INCOMPLETE", "entry %d" % index, "it must show where the range ends, and is missing")
            elif not outside(time):
                self.findings.add("INCOMPLETE", "entry %d" % index, "it was received within the time asked for: the range is cut short")

    def range_notes(self):
        (first, end), hidden = self.log["range"], self.log["hidden"]
        name = "the log " + self.shard if self.bundle.manifest["several"] else "the log"
        if first == end:
            return ["No entry of %s is of that time." % name]
        whole = "Nothing was left out of entries %d to %d of %s" % (first, end - 1, name)
        return [whole + ",", "… but %d that are shown as hashes only, said to be of other tenants." % hidden] if hidden else [whole + "."]

    def result(self):
        content = self.bundle.manifest["content"]
        return {"shard": self.shard, "origin": self.head[0], "treeSize": self.head[1], "signedBy": self.signed_by, "entriesChecked": self.count,
                "payloadsChecked": self.payloads.checked if content else None, "payloadsErased": self.payloads.erased,
                "witnessed": self.witnessed, "stamped": self.stamped}


class Bundle:
    def __init__(self, keys, since_notes, findings, rules=None, quorum="none", certificate=None, shard=None):
        self.keys, self.findings, self.certificate, self.shard = keys, findings, certificate, shard
        self.anchors, self.since = Anchors(self), []
        self.rules, self.quorum = rules or {}, quorum
        for note in since_notes:
            since, _, wrong = open_checkpoint(note, keys)
            if since is None:
                raise Unreadable("the earlier checkpoint: " + wrong[1])
            if wrong:
                findings.add("UNTRUSTED", "earlier checkpoint", wrong[1])
            self.since.append(since)
        self.manifest, self.logs, self.current, self.finished = None, {}, None, False
        self.chains, self.run_counts, self.open_runs, self.facts = Chains(), {}, [], None
        self.sums, self.singles, self.group = {}, set(), -1

    def names_directory(self):
        return any(key[0].endswith("/directory") for key in self.keys)

    def shards(self):
        """Of a bundle of several logs; None for one, or when nothing tells yet."""
        return [log["shard"] for log in self.manifest["logs"]] if self.manifest and self.manifest["several"] else None

    def path_of(self, shard, path):
        return "logs/%s/%s" % (shard, path) if self.shards() else path

    def read(self, files):
        for content in files:
            # Each file is remembered, if only for its sum. Nothing that is read further makes the verdict another.
            if self.findings.total > 10_000 and "TAMPERED" in self.findings.kinds:
                raise Broken("TAMPERED", content.path, "nothing is read from here on: too much is wrong before it")
            place = place_of(content.path)
            if place and self.manifest is None and (place[2] or place[0] not in ("single", "checkpoint")):
                raise Broken("INCOMPLETE", "bundle.json", "it is missing")
            group = place and group_of(content.path, place, self.shards())
            if group is None:
                self.findings.add("TAMPERED", content.path, "no bundle has a file of this name, or this one has not")
            elif group < self.group or content.path in self.singles:
                self.findings.add("TAMPERED", content.path, "it is there twice, or out of order")
            else:
                self.group = group
                self.read_file(place, content)
            self.sums[content.path] = content.drain()
        self.finish()

    def read_file(self, place, content):
        kind, numbers, shard = place
        if kind in ("single", "checkpoint"):
            self.singles.add(content.path)
        if kind == "single":
            self.read_single(content)
        elif kind == "checkpoint":
            if self.manifest is None:
                raise Broken("INCOMPLETE", "bundle.json", "it is missing")
            log = next(log for log in self.manifest["logs"] if shard in (None, log["shard"]))
            self.logs[log["shard"]] = Log(self, log, content.whole())
        else:
            log = self.logs.get(shard) if shard else next(iter(self.logs.values()), None)
            if log is None:
                raise Broken("INCOMPLETE", self.path_of(shard, "checkpoint"), "it is missing")
            if self.current not in (None, log):
                self.current.payloads.let_go()
            self.current = log
            log.read_file(kind, numbers, content)

    def read_single(self, content):
        if content.path == "bundle.json":
            self.manifest = parse_manifest(content.whole())
            if self.manifest is None:
                raise Broken("TAMPERED", content.path, "it is none that bundles have")
            self.facts = Facts(self.manifest["several"], "sums" in self.manifest)
        elif content.path == "anchors.json":
            if not self.logs:
                raise Broken("INCOMPLETE", "checkpoint", "it is missing")
            self.anchors.read(content)
        elif content.path in ("runs.json", "summary.json"):
            digest = content.drain()
            if not self.manifest or len(self.logs) < len(self.manifest["logs"]) or self.findings.kinds & {"TAMPERED", "INCOMPLETE"}:
                return
            text = self.facts.runs_json() if content.path == "runs.json" else self.facts.summary_json()
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                self.findings.add("TAMPERED", content.path, "it does not say what the entries say")
        elif content.path == "README.txt":
            content.whole()
        elif content.path == "policies.json":
            if not content.whole():
                self.findings.add("TAMPERED", content.path, "it is empty")
        elif content.path == "SHA256SUMS":
            self.compare_sums(content)

    def erasure_of(self, key_id):
        for log in self.logs.values():
            index = log.erasures.get(key_id, log.erasures.get(key_id[:3]))
            if index is not None:
                return "entry %d%s" % (index, " of " + log.shard if len(self.logs) > 1 else "")
        return None

    def quorum_of(self, note, where, findings):
        """(names of the witnesses that cosigned, by when a quorum of them had), if they are the quorum that the policy asks for; else None."""
        if self.quorum == "none":
            return None
        cosigned = cosigners_of(note, self.rules)
        if cosigned is None:
            findings.add("TAMPERED", where, "a cosignature does not fit it")
            return None
        reached = quorum_time(self.rules[self.quorum], self.rules, cosigned)
        return None if reached == math.inf else ([name for name, rule in self.rules.items() if rule in cosigned], reached)

    def compare_sums(self, content):
        listed, in_order, reported = set(), True, 0
        actual_order = list(self.sums)
        for line in content.lines(200):
            match = None if line is None else re.fullmatch(rb"([0-9a-f]{64})  ([\x21-\x7e]+)", line)
            path = match.group(2).decode() if match else None
            problem = None
            if path is None:
                problem = ("TAMPERED", content.path, "a line is none of sha256sum")
            elif path in listed:
                problem = ("TAMPERED", content.path, "it lists %s twice" % path)
            elif path not in self.sums:
                problem = ("INCOMPLETE", path, "SHA256SUMS lists it, and it is missing")
            elif self.sums[path] != match.group(1).decode():
                problem = ("TAMPERED", path, "it does not have the sum that SHA256SUMS says")
            elif len(listed) >= len(actual_order) or actual_order[len(listed)] != path:
                in_order = False
            listed.add(path)
            if problem:
                reported += 1
                self.findings.add(*problem)
            if path is None:
                return
        for path in actual_order:
            if path not in listed:
                reported += 1
                self.findings.add("TAMPERED", path, "it is not in SHA256SUMS")
        if not in_order and not reported:
            self.findings.add("TAMPERED", content.path, "its lines are not in the order of the files")

    def finish(self):
        checkpoints = [self.path_of(shard, "checkpoint") for shard in self.shards() or [None]]
        for path in REQUIRED + checkpoints:
            if path not in self.singles:
                self.findings.add("INCOMPLETE", path, "it is missing")
        if not self.logs:
            return
        if self.current is not None:
            self.current.payloads.let_go()
        erased_in = {shard: log.erased_at for shard, log in self.logs.items()}
        for log in self.logs.values():
            log.finish(erased_in)
        m = self.manifest
        for since in self.since:
            if since[0] in [log["origin"] for log in m["logs"]]:
                continue
            if since[0].endswith("/directory"):
                what = "it is of %s, a log that is not here: only a store can be compared with it" % since[0]
                self.findings.add("INCOMPLETE", "earlier checkpoint", what)
            elif m["several"]:
                self.findings.add("TAMPERED", "earlier checkpoint", "it is of %s, and no log here is" % since[0])
        all_here = self.anchors.check_all_logs()
        selections = {log["selection"] for log in m["logs"]}
        whole = all_here and all(shard["shard"] in self.logs and self.logs[shard["shard"]].count >= shard["tree_size"] for shard in m["logs"])
        is_part = m["runs"] is None and any(log["range"] != [0, log["tree_size"]] for log in m["logs"])
        # Of whole logs with others' entries in them nothing lies outside either.
        is_selection = m["runs"] is not None or self.shard is not None or "range" in selections
        coverage = "range" if is_part else "selection" if is_selection else "log" if whole else "damaged"
        view = self.anchors.view  # runs that were chosen tell nothing of the time after them; what a range cuts off goes on behind it
        gone_on = view["last"].time if coverage != "range" and view and view["counts"] and view["last"] else ""
        self.run_counts, self.open_runs = self.chains.finish(coverage, self.findings, gone_on)
        self.finished = True

    def notes(self):
        m = self.manifest
        if not self.finished:
            return []
        counts = self.run_counts
        notes = ["Runs: %s." % (", ".join("%d %s" % (counts[word], word) for word in RUN_STATES if word in counts) or "none")] + self.open_runs[:50]
        if len(self.open_runs) > 50:
            notes.append("… and %d more runs without an end" % (len(self.open_runs) - 50))
        notes += self.chains.notes()
        open_runs = counts.get("crashed", 0) + counts.get("still running", 0)
        for what, number in (("without an end have no more records", open_runs), ("without numbered records are whole", counts.get("not numbered", 0))):
            if number:
                notes.append("Not proven: that runs %s (%d)." % (what, number))
        if m["filter"]:  # in ASCII: what looks like another text is not taken for it
            notes.append("Said to be asked for: %s." % ", ".join(sorted("%s %s" % (k, json.dumps(v)) for k, v in m["filter"].items())))
        if m["runs"] is not None:
            notes.append("Not proven: that no whole run was left out, nor a record without a number, nor an act about these runs.")
        else:
            notes += [note for log in self.logs.values() for note in log.range_notes()]
            if counts.get("partly here"):
                notes.append("Runs have records that lie outside of the range, or never arrived (%d)." % counts["partly here"])
        if "sums" not in m:
            notes.append("Sums are of an older Runledger: not told is how many calls they are without, whose tokens or price nobody knew.")
        if not m["content"]:
            notes.append("Contents were not exported: only facts and hashes were checked.")
        times = ["%s%s" % (log.shard + ": " if m["several"] else "", note) for log in self.logs.values() for note in log.times.finish() + log.payloads.notes()]
        unchecked = [path for path in FIRST + LAST if path in self.singles and path not in CHECKED]
        later = sum(log.later for log in self.logs.values())
        if later:
            times.append("Entries with members, words or payloads of a later Runledger, which this version does not know: %d." % later)
        return notes + self.anchors.notes() + times + ["Not evidence, not checked: %s." % ", ".join(unchecked)]


def verify(target, keys, since_notes, rules=None, quorum="none", certificate=None, shard=None):
    findings = Findings()
    bundle = Bundle(keys, since_notes, findings, rules, quorum, certificate, shard)
    try:
        if os.path.isdir(target):
            bundle.read(directory_files(target, findings))
        else:
            with open(target, "rb") as file:
                bundle.read(tar_files(file))
    except Broken as error:
        findings.add(error.verdict, error.where, str(error))
    except OSError as error:
        findings.add("UNREADABLE", "bundle", str(error))
    logs = [log.result() for log in bundle.logs.values()]
    only = logs[0] if len(logs) == 1 and not bundle.manifest["several"] else {}
    total = lambda name: sum(log[name] or 0 for log in logs)
    told = len(bundle.manifest["logs"]) if bundle.manifest else 0
    return {"verdict": findings.verdict(), "logsTold": told, "origin": only.get("origin"), "treeSize": total("treeSize"),
            "signedBy": list(dict.fromkeys(name for log in logs for name in log["signedBy"])), "entriesChecked": total("entriesChecked"),
            "payloadsChecked": total("payloadsChecked"), "payloadsErased": total("payloadsErased"), "logs": logs, "notes": bundle.notes(),
            "anchors": {"witnessed": only.get("witnessed"), "stamped": only.get("stamped"),
                        "shards": bundle.anchors.shards()},
            "findings": findings.list, "findingsTotal": findings.total}


# What is not seen, or moves what is: controls, halves of a pair, separators, and what Unicode says to show nothing for (Default_Ignorable_Code_Point) with
# the marks of annotations. A joiner between two emoji, and the selector behind one, are part of how they look.
INVISIBLE = ("\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200c\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164"
             "\\ud800-\\udfff\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff")
EMOJI = "\\u2190-\\u2bff\\U0001f000-\\U0001faff"
UNSEEN = re.compile("[%s]|(?<![%s])\\ufe0f|(?<![%s\\ufe0f])\\u200d|\\u200d(?![%s])" % (INVISIBLE, EMOJI, EMOJI, EMOJI))


def visible(value):
    """Texts of somebody else's, fit for a terminal and for one line: what would not be seen is written as \\u001b."""
    if isinstance(value, str):
        return UNSEEN.sub(lambda match: "".join("\\u%04x" % unit for unit in struct.unpack(">%dH" % (len(utf16(match.group())) // 2), utf16(match.group()))), value)
    if isinstance(value, dict):
        return {name: visible(member) for name, member in value.items()}
    return [visible(member) for member in value] if isinstance(value, (list, tuple)) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--policy", metavar="FILE")
    parser.add_argument("--key", action="append", default=[], metavar="VKEY")
    parser.add_argument("--since-checkpoint", action="append", default=[], metavar="FILE", help="of the log of its name")
    parser.add_argument("--tsa-cert", metavar="FILE")
    parser.add_argument("--shard", metavar="NAME", help="you asked for this log alone: others are not missed")
    parser.add_argument("--json", action="store_true")
    try:
        args = parser.parse_args()
        keys, rules, quorum = [], {}, "none"
        for given in args.key:
            if os.path.exists(given):
                with open(given, encoding="utf-8", newline="") as file:
                    given = file.read()
            keys.append(parse_key(given))
        if args.policy is not None:
            with open(args.policy, "rb") as file:
                logs, rules, quorum = parse_policy(file.read())
                keys += logs
            if not keys:
                raise Unreadable("the policy has no line `log <verifier key>`")
        since = []
        for path in args.since_checkpoint:
            with open(path, "rb") as file:
                since.append(file.read())
        certificate = read_certificate(args.tsa_cert) if args.tsa_cert is not None else None
        result = verify(args.bundle, keys, since, rules, quorum, certificate, args.shard)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        print(visible(str(error)), file=sys.stderr)
        return CODES["UNREADABLE"]
    except (Exception, MemoryError) as error:  # a fault of this program's: Python's own exit code would say TAMPERED
        print("the verifier failed: %r" % error, file=sys.stderr)
        return CODES["UNREADABLE"]
    except SystemExit as stop:
        return CODES["UNREADABLE"] if stop.code else 0
    if args.json:
        print(json.dumps(result, indent=2).replace("\x7f", "\\u007f"))
    else:
        result = visible(result)
        several, here = result["logsTold"] > 1, len(result["logs"])
        name = "%s%d logs" % ("%d of " % here if here < result["logsTold"] else "", result["logsTold"]) if several else result["origin"] or "no log"
        print("%s  %s" % (result["verdict"], name))
        for log in result["logs"] if several else ():
            print("  log          %(shard)s: %(entriesChecked)d of %(treeSize)d entries; %(origin)s" % log)
        print("  entries      %d of the log's %d checked" % (result["entriesChecked"], result["treeSize"]))
        print("  signed by    %s" % (", ".join(result["signedBy"]) or "no key that you gave"))
        print("  payloads     %d, and %d erased" % (result["payloadsChecked"], result["payloadsErased"]))
        for note in result["notes"] if result["verdict"] != "TAMPERED" else []:
            print("  note         " + note)
        for finding in result["findings"]:
            print("  %(verdict)s  %(where)s: %(what)s" % finding)
        if result["findingsTotal"] > len(result["findings"]):
            print("  … and %d more" % (result["findingsTotal"] - len(result["findings"])))
    return CODES[result["verdict"]]


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # names of files may be no text at all
        stream.reconfigure(errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough; the verdict stands in the exit code only if it was printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = CODES["UNREADABLE"]
    sys.exit(code)
