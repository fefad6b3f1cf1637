/** Quiet, and made for paper: dark on white, nothing that needs colour to be read. */
export const REPORT_STYLE = `
@page { size: A4; margin: 18mm 16mm 20mm; @bottom-left { content: "Runledger decision trail"; font: 8pt sans-serif; color: #666 } @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #666 } }
* { box-sizing: border-box }
body { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem; color: #16181d; background: #fff; font: 15px/1.5 "Segoe UI", "Helvetica Neue", Arial, sans-serif }
h1 { margin: 0 0 .25rem; font-size: 2rem; letter-spacing: -.01em }
h2 { margin: 2.25rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid #16181d; font-size: 1.2rem }
h3 { margin: 0; font: 600 1rem ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere }
p { margin: .4rem 0 }
a { color: inherit }
.brand { margin: 0; color: #666; font-size: .8rem; letter-spacing: .12em; text-transform: uppercase }
.lead { margin: 0 0 1.25rem; color: #444; font-size: 1.1rem }
.facts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .35rem 2rem; margin: .75rem 0 }
.facts div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); border-bottom: 1px solid #e3e5e8; padding: .2rem 0 }
dt { color: #666 }
dd { margin: 0; overflow-wrap: anywhere }
.proof { margin-top: 1.5rem; padding: .25rem 1.25rem 1rem; border: 1px solid #b9bec6; border-left: 5px solid #16181d }
.proof h2 { margin-top: .9rem; border: 0; padding: 0 }
table { width: 100%; border-collapse: collapse; font-size: .86rem }
th { padding: .35rem .5rem; border-bottom: 1px solid #16181d; text-align: left; font-weight: 600; vertical-align: bottom }
td { padding: .35rem .5rem; border-bottom: 1px solid #e3e5e8; vertical-align: top; overflow-wrap: anywhere }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.w { white-space: nowrap }
.code, pre { font: .78rem/1.45 ui-monospace, Menlo, Consolas, monospace }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .75rem; border: 1px solid #e3e5e8 }
.note { color: #666; font-size: .86rem }
.warn { padding: .3rem .6rem; border: 1px solid #9b1c1c; color: #9b1c1c; font-weight: 600 }
.status { display: inline-block; padding: 0 .45rem; border: 1px solid #b9bec6; border-radius: .7rem; font: 600 .74rem/1.5 "Segoe UI", Arial, sans-serif; white-space: nowrap }
.status.bad { border-color: #9b1c1c; color: #9b1c1c }
article { margin: 1.5rem 0 2rem }
.who { color: #555; font-size: .88rem }
.trail { margin: .75rem 0 0; padding: 0; list-style: none; border-left: 2px solid #d5d8dd }
.trail li { display: grid; grid-template-columns: 6.6rem minmax(0, 1fr); padding: .22rem 0 .22rem .9rem; break-inside: avoid }
.trail p { margin: 0 }
time { color: #666; font: .78rem/1.9 ui-monospace, Menlo, Consolas, monospace; font-variant-numeric: tabular-nums }
.index { color: #888; font-size: .74rem }
.error > div > p { color: #9b1c1c }
blockquote { margin: .15rem 0 .25rem; padding: .1rem .6rem; border-left: 2px solid #d5d8dd; background: #f6f7f8; font: .78rem/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
blockquote b { color: #666; font-weight: 600 }
@media (max-width: 700px) { .facts { grid-template-columns: minmax(0, 1fr) } }
@media print { body { max-width: none; padding: 0; font-size: 9.5pt } h2, h3, thead { break-after: avoid } tr, .proof { break-inside: avoid } thead { display: table-header-group } a { text-decoration: none } blockquote { background: none } }
`.trim();
