//! The style sheet. Every colour has a light and a dark value.
//!
//! The eight line colours keep their order: neighbours stay apart for people without red, green or blue
//! vision, and each has a contrast of 3:1 or nearly so to its background; names stand beside the lines in the text's
//! colour, so that no colour has to be recognised. `p0` to `p2` are one hue from strong to weak, for subgroups from
//! the middle of a kernel to its corners.

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f6f6f4;--card:#ffffff;--ink:#16191d;--quiet:#5c6470;--grid:#e6e7e8;--axis:#9aa0a8;\
--s1:#2a78d6;--s2:#e0631b;--s3:#128a62;--s4:#8a4fc4;--s5:#c98500;--s6:#d43d51;--s7:#0b8ba8;--s8:#7a6a58;\
--p0:#0d366b;--p1:#3987e5;--p2:#9ec5f4;--before:#aab1ba}
@media(prefers-color-scheme:dark){:root{--page:#121416;--card:#1b1e21;--ink:#eceef0;--quiet:#a2a9b2;--grid:#2d3136;--axis:#6d747d;\
--s1:#4a95ee;--s2:#f08a4b;--s3:#35b585;--s4:#b58ae6;--s5:#dba52a;--s6:#ee6b7c;--s7:#41b3cf;--s8:#b09f8b;\
--p0:#e3effc;--p1:#6aabf2;--p2:#3672b8;--before:#68707a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:18px;margin:0 0 4px}
p{margin:0 0 10px}
.lead,.sub{color:var(--quiet);max-width:80ch}
.sub{margin-bottom:20px}
section{margin-top:36px}
footer{margin-top:40px;color:var(--quiet);font-size:13px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0 0 16px}
.tile{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:12px 16px}
.tile b{display:block;white-space:nowrap;font-size:23px;font-weight:600;line-height:1.25}
.tile span{color:var(--quiet);font-size:13px;display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(460px,100%),1fr));gap:16px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(228px,1fr));gap:10px;background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:12px}
figure{margin:0;background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:14px 16px 10px}
figcaption{font-weight:600;margin-bottom:6px}
figcaption span{font-weight:400;color:var(--quiet)}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--ink);font-size:12px;font-family:inherit}
svg .tick{fill:var(--quiet);font-size:11px;font-variant-numeric:tabular-nums}
svg .end{text-anchor:end}
svg .middle{text-anchor:middle}
svg .head{font-size:12px;font-weight:600}
svg .quiet{fill:var(--quiet);font-weight:400;font-size:11px}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .axis{stroke:var(--axis);stroke-width:1}
svg .line,svg .thin,svg .dashed{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .thin{stroke-width:1.4}
svg .dashed{stroke-width:1.4;stroke-dasharray:4 3}
svg .far{stroke:var(--c);stroke-width:1;stroke-dasharray:1 4;stroke-opacity:.7}
svg .tie{stroke:var(--c);stroke-width:1.5}
svg .mark{fill:var(--c);stroke:var(--card);stroke-width:1.5}
svg .hover{fill:transparent}
svg .hover:hover{fill:var(--c);fill-opacity:.35;stroke:var(--c)}
svg .before{fill:var(--before);fill-opacity:.45;stroke:none}
svg .after{fill:none;stroke:var(--s1);stroke-width:1.6;stroke-linejoin:round}
svg .threshold{stroke:var(--s2);stroke-width:1.2;stroke-dasharray:3 3}
.c1{--c:var(--s1)}.c2{--c:var(--s2)}.c3{--c:var(--s3)}.c4{--c:var(--s4)}.c5{--c:var(--s5)}.c6{--c:var(--s6)}.c7{--c:var(--s7)}.c8{--c:var(--s8)}
.p0{--c:var(--p0)}.p1{--c:var(--p1)}.p2{--c:var(--p2)}.q{--c:var(--axis)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--quiet)}
.legend span{display:inline-flex;align-items:center;gap:7px}
.legend svg{width:24px;height:10px;flex:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px;width:100%;background:var(--card);border:1px solid var(--grid);border-radius:8px}
th,td{padding:6px 10px;vertical-align:top;text-align:left;border-bottom:1px solid var(--grid);white-space:nowrap}
th{color:var(--quiet);font-weight:600}
.recipe{display:block;white-space:normal;color:var(--quiet);font-size:12px;margin-left:20px;min-width:220px}
.number{text-align:right;font-variant-numeric:tabular-nums}
.key{display:inline-block;width:12px;height:12px;border-radius:3px;background:var(--c);margin-right:8px;vertical-align:-1px}
details{margin-top:14px}
summary{cursor:pointer;color:var(--quiet);margin-bottom:8px}
pre{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:12px 16px;overflow-x:auto;font-size:13px;margin:0 0 10px;white-space:pre-wrap;overflow-wrap:anywhere}
@media print{body{background:#fff}main{max-width:none;padding:0}figure,.panels,table{break-inside:avoid}}
";
