# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style sheet of the page: light and dark, on a wide screen, on a telephone and on paper."""

from __future__ import annotations

_LIGHT = """
color-scheme:light;
--page:#fff;--ink:#1b2430;--soft:#546072;--line:#d5dbe3;--faint:#f3f5f8;--accent:#1f6feb;--bar:#3d7ebf;--note:#fff4d6;
--heat0:#e3ebf3;--heat1:#bfd6ea;--heat2:#8db8dc;--heat3:#4f8cc0;--heat4:#c2570c;--heat5:#571313;
--used:#7d8da1;--usable:#2f9e74;--lost:#d98a1f;--lost2:#fff;--closed:#eef1f5;--closed2:#8794a5;
"""
_DARK = """
color-scheme:dark;
--page:#12161c;--ink:#e4e9ef;--soft:#9aa7b8;--line:#323c49;--faint:#1a2029;--accent:#6cb0ff;--bar:#4a90d0;--note:#3a3117;
--heat0:#22303f;--heat1:#2c4a67;--heat2:#376b99;--heat3:#5497cf;--heat4:#f0924a;--heat5:#ffe6cc;
--used:#66768a;--usable:#37b284;--lost:#e0952f;--lost2:#12161c;--closed:#1d242e;--closed2:#76869a;
"""

_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:2.5rem 1.5rem 3rem;background:var(--page);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1rem;font-weight:600;color:var(--soft);margin:0 0 .4rem}
h2{font-size:1.3rem;line-height:1.3;margin:0 0 .3rem}
h3{font-size:1rem;margin:1.2rem 0 .5rem}
p{margin:.3rem 0 .8rem}
section{margin-top:2.8rem}
.lead{font-size:clamp(1.45rem,1.1rem + 1.6vw,2.1rem);line-height:1.25;font-weight:600;margin:0 0 .8rem;
text-wrap:balance}
.remarks{margin:0 0 .8rem;padding:0;list-style:none}
.remarks li{margin:.15rem 0;padding-left:1.1rem;text-indent:-1.1rem}
.remarks li::before{content:"";display:inline-block;width:.5rem;height:.5rem;margin-right:.6rem;border-radius:50%;
background:var(--heat4)}
.note{background:var(--note);padding:.5rem .8rem;border-radius:.3rem}
.soft,.meta,footer{color:var(--soft)}
.meta,footer,.legend,.small{font-size:.875rem}
.patterns{position:absolute}
svg{display:block}
table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.38rem .9rem .38rem 0;border-bottom:1px solid var(--line);vertical-align:middle}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.8125rem;font-weight:600;color:var(--soft);vertical-align:bottom}
tbody th{font-weight:600}
.n{text-align:right;white-space:nowrap}
.zero{color:var(--soft)}
.none{font-weight:600}
.scroll{overflow-x:auto}
.size{display:block;white-space:nowrap;font-weight:400;font-size:.8125rem;color:var(--soft)}
.wide{width:24%;min-width:7rem}
.fits{font-weight:600}
.strips{width:30%;min-width:9rem}
.narrow{display:none}
.axis{overflow:visible}
.axis text{font-size:11px;fill:var(--soft);font-weight:400}
.bar rect{fill:var(--bar)}
.bar line{stroke:var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;color:var(--soft);margin:.6rem 0 1rem}
.key{display:inline-flex;align-items:center;gap:.4rem}
.strip{border-radius:3px;background:var(--faint)}
.s-used{fill:var(--used)}
.s-usable{fill:var(--usable)}
.s-lost{fill:url(#p-lost)}
.s-closed,.cell.off,.off{fill:url(#p-closed)}
.lost-ground{fill:var(--lost)}
.lost-stripe{fill:var(--lost2)}
.closed-ground{fill:var(--closed)}
.closed-stripe{fill:var(--closed2)}
.choice{border:0;padding:0;margin:.8rem 0;display:flex;flex-wrap:wrap;gap:.4rem}
.choice legend{float:left;margin-right:.6rem;padding:.2rem 0;color:var(--soft);font-size:.875rem}
.choice input{position:absolute;opacity:0;pointer-events:none}
.choice span{display:block;padding:.2rem .75rem;border:1px solid var(--line);border-radius:2rem;font-size:.875rem;
cursor:pointer}
.choice input:checked+span{background:var(--ink);border-color:var(--ink);color:var(--page)}
.choice input:focus-visible+span{outline:2px solid var(--accent);outline-offset:2px}
.zone{border-top:1px solid var(--line);padding:.8rem 0 1rem;display:grid;grid-template-columns:5rem 1fr;gap:.3rem 1rem}
.zone h3{margin:0}
.zone .small{margin:0}
.groups{display:flex;flex-wrap:wrap;gap:1.1rem 1.5rem;align-items:flex-start;min-width:0}
figure{margin:0;max-width:100%}
figcaption{font-size:.8125rem;color:var(--soft);margin-bottom:.35rem}
figcaption b{color:var(--ink)}
.heat{max-width:100%;height:auto;overflow:visible}
.cell:hover{stroke:var(--ink);stroke-width:2}
details{margin-top:1rem}
summary{cursor:pointer;font-weight:600}
details[open]>summary{margin-bottom:.4rem}
.list{padding-left:1.2rem;margin:.4rem 0}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line)}
"""

_NARROW = """
body{padding:1.4rem 1rem 2rem}
section{margin-top:2.2rem}
.zone{grid-template-columns:1fr}
.zone h3{display:inline}
.cards thead,.cards .optional{display:none}
.cards,.cards tbody{display:block}
.cards tr{display:grid;grid-template-columns:1fr 1fr;gap:0 1rem;padding:.6rem 0;border-bottom:1px solid var(--line)}
.cards th,.cards td{border:0;padding:.1rem 0;order:3}
.cards th{order:1}
.cards .fits{order:2;font-size:1.1rem}
.cards .across{grid-column:1/-1;width:auto}
.cards .narrow{display:block}
.cards td[data-label]{text-align:left}
.cards td[data-label]::before{content:attr(data-label) " ";color:var(--soft)}
"""

_PAPER = """
@page{margin:14mm}
html{font-size:8.5pt}
body{max-width:none;padding:0;-webkit-print-color-adjust:exact;print-color-adjust:exact}
section{margin-top:2rem}
tr,figure,.zone,.legend,.resources,.stranded,.limits{break-inside:avoid}
h2,h3,summary{break-after:avoid}
thead{display:table-header-group}
.choice label:not(:has(:checked)){display:none}
.choice span,.choice input:checked+span{border:0;padding:.2rem 0;background:none;color:var(--ink);font-weight:600}
.scroll{overflow:visible}
"""


def sheet(more: str) -> str:
    """The whole style sheet; ``more`` are the rules of the pictures."""
    text = (
        f":root{{{_LIGHT}}}{_RULES}{more}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
        f"@media screen and (max-width:44rem){{{_NARROW}}}"
        f"@media print{{{_PAPER}}}"
    )
    return text.replace("\n", "")
