"""Items whose ids, names, groups, messages and prints try to be markup, script or terminal commands."""

from parbatch import Item, Job

job = Job("hostile")

TEXTS = [
    "<script>document.title='taken'</script>",
    "</script><script>document.title='taken'</script>",
    "--></style></title></textarea><img src=x onerror=\"document.title='taken'\">",
    "\"onmouseover=\"document.title='taken'\" x='",
    "javascript:document.title='taken'",
    "abc\u202egnp.exe\u2066\u200f",
    "nul\x00 bell\x07 \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b31m",
    "&lt;b&gt; &amp; ]]> <!-- <![CDATA[ ${x} $x {{x}} %3Cscript%3E",
    "line\u2028separator\u2029s \ufeff \ufffe",
    "../../etc/passwd",
    "été 中文 👩‍🚀",
    "a b#c?d%2e&e=f",
]


@job.items
def texts():
    for number, text in enumerate(TEXTS * 2):
        more = " again" if number >= len(TEXTS) else ""
        yield Item(id=f"{text}{more}", name=f"{text} by name{more}", group=text, data={"fails": bool(more)})


@job.render
def one(item, ctx):
    print(item.name)
    if item.data["fails"]:
        raise ValueError(item.name + "\n" + item.id)
    stem = "".join(c for c in item.group if c not in "/\x00") or "x"
    (ctx.dir / f"{stem}.txt").write_text("out")
