"""An invitation on paper and on a terminal: the code in groups, and its picture. Pure."""

from __future__ import annotations

import io
from datetime import datetime
from html import escape

import segno

from core.records.clock import iso
from hub.registry.invites import Invitation

_PAGE = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>杏林 · 入网代码</title>
<style>
body {{ font: 12pt/1.6 "Noto Sans CJK SC", sans-serif; margin: 2cm; }}
svg {{ width: 6cm; height: 6cm; }}
code {{ font: 15pt/1.8 monospace; white-space: pre; }}
dt {{ color: #555; float: left; width: 9em; }} dd {{ margin-left: 9em; }}
</style></head><body>
<h1>杏林设备入网 · Xinglin enrolment</h1>
<dl><dt>医院 · hospital</dt><dd>{hospital}</dd><dt>区域中心 · hub</dt><dd>{hub}</dd>
<dt>有效至 · until</dt><dd>{until}</dd><dt>邀请 · invitation</dt><dd>{invite}</dd></dl>
{picture}
<p><code>{code}</code></p>
<p>在设备的“区域”页面扫描或输入；只能使用一次。请当面或用密封信封交付，用后销毁。<br>
Scan or type it on the box's page “Region”; it works once. Hand it over in person or in a sealed
envelope, and destroy it after use.</p>
</body></html>
"""


def lines_of(invitation: Invitation) -> list[str]:
    """Return the code in four lines of four groups."""
    groups = invitation.code.text().split("-")
    return ["-".join(groups[at : at + 4]) for at in range(0, len(groups), 4)]


def until(invitation: Invitation) -> str:
    """Return when the code ends, to the minute, in the time of this machine."""
    at = datetime.fromisoformat(iso(invitation.expires_at)).astimezone()
    return at.strftime("%Y-%m-%d %H:%M %z")


def picture_svg(text: str) -> str:
    """Return a QR picture as an SVG element without a name space's prologue."""
    return str(segno.make_qr(text, error="m").svg_inline(scale=4, dark="#000", light="#fff"))


def picture_terminal(text: str) -> str:
    """Return a QR picture in half blocks, for a terminal."""
    out = io.StringIO()
    segno.make_qr(text, error="m").terminal(out=out, compact=True)
    return out.getvalue()


def page(invitation: Invitation, hub: str) -> str:
    """Return the printable page (HTML, without script and outside references)."""
    return _PAGE.format(
        hospital=escape(invitation.hospital_name),
        hub=escape(hub),
        until=escape(until(invitation)),
        invite=escape(invitation.code.invite),
        picture=picture_svg(invitation.code.picture_text(hub)),
        code="\n".join(lines_of(invitation)),
    )
