"""Program files as somebody may send them: broken, huge or malicious."""

import time

import pytest

from rewards.blueprint import reading
from rewards.blueprint.faults import InvalidBlueprint


def refusal(raw: bytes) -> str:
    with pytest.raises(InvalidBlueprint) as refused:
        reading.read(raw)
    return str(refused.value)


class TestRead:
    def test_knows_the_line_and_the_place_of_everything(self):
        node = reading.read(b"a:\n  b:\n  - 1\n  - c: x\n")

        assert (node.below("#/a/b/1/c").line, node.below("#/a/b/1/c").path) == (4, "a.b.1.c")
        assert node.below("#/a/b/7/c").path == "a.b"

    def test_tells_numbers_from_texts_by_their_quotes(self):
        node = reading.read(b"[1, '1', 1.50, '1.50', true, 'true', no, ~, '', 0x10, 12:30, 2026-01-01]")

        assert reading.plain(node) == [
            *(1, "1", 1.5, "1.50", True, "true", "no", None, "", "0x10", "12:30", "2026-01-01")
        ]

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"", "line 1: The file is empty."),
            (b"a: [1, 2", "no YAML"),
            (b"a: b: c", "line 1: This is no YAML"),
            (b"a: 1\na: 2\n", "line 2: “a” stands here twice."),
            (b"a: 1\n---\nb: 2\n", "line 2: The file has more than one document"),
            (b"ok: 1\nb: \xff\n", "line 2: The file is not in UTF-8."),
            (b"a: \x00", "no YAML"),
            (b"? [a, b]\n: 1\n", "A key is one word."),
        ],
    )
    def test_refuses_what_is_no_proper_file_and_says_where(self, raw: bytes, said: str):
        assert said in refusal(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            b"a: !!python/object/apply:os.system ['true']\n",
            b"a: !!python/name:os.system\n",
            b"!!set {a, b}\n",
            b"a: !custom 1\n",
            b"!!str a: 1\n",
        ],
    )
    def test_refuses_tags(self, raw: bytes):
        assert "line 1: " in (said := refusal(raw))
        assert "Tags (!) are not read." in said

    def test_refuses_a_bomb_of_aliases_at_its_first_anchor(self):
        bomb = b"a: &a [x, x]\n" + b"".join(
            b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in b"bcdefgh"
        )

        said = refusal(bomb)

        assert said == "line 1: a: Anchors (&) and aliases (*) are not read: say it twice."

    @pytest.mark.parametrize("raw", [b"b: *a\n", b"a: {<<: *b}\n", b"&k a: 1\n"])
    def test_refuses_aliases_merges_and_anchored_keys(self, raw: bytes):
        assert "Anchors" in refusal(raw)

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"a: '" + b"x" * reading.BYTES_AT_MOST + b"'", "The file is too big"),
            (b"[" * 900 + b"]" * 900, "nested too deeply"),
            (b"a: " + b"[" * 60 + b"1", "nested too deeply"),
            (b"- 1\n" * (reading.NODES_AT_MOST + 1), "too much in the file"),
            (b"a: '" + b"x" * (reading.TEXT_AT_MOST + 1) + b"'", "The text is too long"),
        ],
    )
    def test_refuses_what_is_too_much_and_is_quick_about_it(self, raw: bytes, said: str):
        began = time.process_time()

        assert said in refusal(raw)

        assert time.process_time() - began < 5
