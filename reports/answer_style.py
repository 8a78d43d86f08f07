"""The style of the page's answer, for a desktop and for a phone."""

STYLE = """<style>
.answer{box-sizing:border-box;width:calc(100% - 32px);max-width:920px;margin:12px auto 0;padding:16px 24px;
 border-radius:8px;font:14px/1.5 Verdana,'DejaVu Sans',Arial,sans-serif;overflow-wrap:anywhere;
 background:var(--color-bg-primary,#fff);color:var(--color-text-primary,#1d2329)}
.answer h1{font-size:24px;line-height:1.3;margin:0 0 4px}
.answer h2{font-size:16px;margin:16px 0 4px}
.answer p{margin:0 0 8px}
.answer table{border-collapse:collapse;width:100%;margin:8px 0}
.answer td,.answer th{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border-top:1px solid #8884}
.answer td:not(:last-child),.answer th{overflow-wrap:normal;white-space:nowrap}
.answer dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:8px 0}
.answer dt{font-weight:bold}.answer dd{margin:0}
.answer code{font:13px/1.5 'DejaVu Sans Mono',Menlo,monospace}
.answer .good{color:#1a7f37}.answer .bad{color:#cf222e}.answer .open{color:#9a6700}
.answer ul{list-style:disc;margin:0 0 8px;padding-left:24px}
.answer .box{border-left:4px solid #cf222e;padding-left:12px;margin:12px 0}
@media(max-width:600px){.answer{width:calc(100% - 16px);padding:12px}.answer td{padding-right:8px}
 .answer tr{display:flex;flex-wrap:wrap;border-top:1px solid #8884;padding:3px 0}
 .answer td,.answer th{border:0;padding-top:0}.answer td:last-child,.answer th:last-child{flex-basis:100%}
 .answer td:first-child{font-weight:bold}
 .answer .limit::before{content:"limit "}
 .answer dl{grid-template-columns:1fr;gap:0}.answer dd{margin-bottom:8px}}
/* Allure's ring counts tests, so it is green beside an unsafe upgrade. The verdict is above. */
article:has(>[aria-label^="Success rate"]){display:none}
</style>"""
