/** The HTML report's style, as text. Heat colours come from the palette: dark, light and, where asked for, more contrast. */
import { HEAT_BACKGROUNDS, HEAT_BORDERS, type ThemeKind } from '../../text/palette';

function heatRules(kind: ThemeKind): string {
  return HEAT_BACKGROUNDS.map(
    (background, bin) =>
      `.h${bin}{background-color:${background[kind]};box-shadow:inset 0 0 0 1px ${HEAT_BORDERS[bin][kind]}}`,
  ).join('\n');
}

const COLOURS = {
  light:
    '--page:#FFFFFF;--panel:#F7F7F8;--text:#3B3B3B;--strong:#1A1A1A;--quiet:#646468;--line:#E3E3E6;--accent:#7A3FB8',
  dark: '--page:#1F1F1F;--panel:#282829;--text:#CCCCCC;--strong:#F2F2F2;--quiet:#A0A0A6;--line:#3A3A3D;--accent:#C79BF2',
  highContrast:
    '--page:#000000;--panel:#000000;--text:#FFFFFF;--strong:#FFFFFF;--quiet:#FFFFFF;--line:#FFFFFF;--accent:#F5C542',
  highContrastLight:
    '--page:#FFFFFF;--panel:#FFFFFF;--text:#292929;--strong:#000000;--quiet:#292929;--line:#292929;--accent:#0F4A85',
};

export const PAGE_STYLE = `
:root{color-scheme:light dark;${COLOURS.light}}
${heatRules('light')}
@media (prefers-color-scheme:dark){:root{${COLOURS.dark}}
${heatRules('dark')}}
@media (prefers-contrast:more){:root{${COLOURS.highContrastLight}}
${heatRules('highContrastLight')}}
@media (prefers-contrast:more) and (prefers-color-scheme:dark){:root{${COLOURS.highContrast}}
${heatRules('highContrast')}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:4px 24px;align-items:center;padding:10px 24px;
background:var(--page);border-bottom:1px solid var(--line)}
.brand{margin:0;font-weight:650;letter-spacing:.01em;color:var(--strong)}
.legend{display:flex;flex-wrap:wrap;gap:4px;margin:0;padding:0;list-style:none;font-size:12.5px}
.legend span{display:block;padding:2px 9px;border-radius:4px}
main{max-width:1180px;margin:0 auto;padding:8px 24px 96px}
article{margin-top:28px}
h1{margin:0 0 12px;font-size:22px;font-weight:650;color:var(--strong);overflow-wrap:anywhere}
h2{margin:32px 0 8px;font-size:16px;font-weight:650;color:var(--strong)}
.figures{display:flex;flex-wrap:wrap;gap:12px 36px;margin:0 0 8px}
.figures dd{margin:0;font-size:26px;line-height:1.2;font-weight:600;font-variant-numeric:tabular-nums;color:var(--strong)}
.figures dt{font-size:13px;color:var(--quiet)}
.figures div{display:flex;flex-direction:column}
.provenance,.hint{margin:2px 0;font-size:13px;color:var(--quiet)}
code,.document{font-family:ui-monospace,"Cascadia Code","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.document{margin:16px 0 0;padding:14px 0;font-size:13.5px;line-height:1.65;background:var(--page);border:1px solid var(--line);
border-radius:8px;counter-reset:line;list-style:none;overflow-x:auto}
.document li{display:flex;counter-increment:line}
.document li::before{content:counter(line);flex:none;width:5ch;padding-right:1.5ch;text-align:right;color:var(--quiet);
user-select:none;font-variant-numeric:tabular-nums}
.document code{white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;padding-right:16px;min-width:0}
.t{border-radius:3px;scroll-margin:72px 16px;padding:1.5px 0;cursor:default}
.t:hover{outline:1px solid var(--quiet)}
.t:focus-visible,button:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.break{opacity:.45;user-select:none}
.h0 .break,.h1 .break,.h2 .break{opacity:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
th{padding:4px 18px 4px 0;text-align:left;font-weight:600;color:var(--quiet);white-space:nowrap}
td{padding:4px 18px 4px 0;border-top:1px solid var(--line);white-space:nowrap}
td span{padding:1px 5px;border-radius:3px;font-family:ui-monospace,Menlo,Consolas,monospace}
button{padding:0;border:0;background:none;color:var(--accent);font:inherit;text-decoration:underline;cursor:pointer}
#tip{position:fixed;z-index:2;max-width:min(420px,calc(100vw - 16px));padding:12px 14px;background:var(--panel);color:var(--text);
border:1px solid var(--line);border-radius:8px;box-shadow:0 6px 24px #00000033;font-size:13px;line-height:1.5;pointer-events:none}
#tip .title{display:block;margin-bottom:6px;font-weight:650;color:var(--strong);overflow-wrap:anywhere}
#tip dl{display:grid;grid-template-columns:auto 1fr;gap:0 14px;margin:0;font-variant-numeric:tabular-nums}
#tip dt{color:var(--quiet)}
#tip dd{margin:0}
#tip p{margin:8px 0 2px;color:var(--quiet)}
.top{margin:0;padding:0;list-style:none}
.top li{display:grid;grid-template-columns:minmax(4em,1fr) 110px 11ch;gap:10px;align-items:center}
.top code{overflow:hidden;text-overflow:ellipsis;white-space:pre}
.top span{text-align:right;font-variant-numeric:tabular-nums}
.top .target{font-weight:650;color:var(--strong)}
.track{height:7px;border-radius:4px;background:var(--line);overflow:hidden}
.part{height:100%;border-radius:4px;background:var(--accent)}
@media print{header{position:static}.document{border:0}.t{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
