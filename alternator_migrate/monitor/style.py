"""The style of page and report, and the script that keeps the page live."""

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1a1a;--dim:#595959;--line:#d5d5d5;--card:#f6f7f8;
--s1:#0072b2;--s2:#b35900;--s3:#007a5a;--s4:#a8437f;--good:#00664b;--warn:#8a5a00;--bad:#b00020}
@media(prefers-color-scheme:dark){:root{--bg:#16181b;--fg:#ececec;--dim:#a9adb3;--line:#3b4046;
--card:#1f2327;--s1:#56b4e9;--s2:#e69f00;--s3:#2cc79b;--s4:#e39ac6;--good:#4fd6ae;--warn:#f0c05a;
--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif;
font-variant-numeric:tabular-nums}
header,main,footer{max-width:1560px;margin:0 auto;padding:0 16px}
h1{font-size:1.35rem;margin:16px 0 4px;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:24px 0 8px}
p{margin:4px 0}
a{color:var(--s1)}
.state{font-size:1.05rem;font-weight:600}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.dim,caption,.told,dt{color:var(--dim)}
progress{width:100%;height:14px;accent-color:var(--s1)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:8px;margin:12px 0}
dl div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:6px 10px;
overflow-wrap:anywhere}
dl .long{grid-column:span 2}
dt{font-size:.8rem}dd{margin:0;font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:20px}
figure{margin:0;min-width:0}
figcaption{margin-bottom:4px}
.plot{display:grid;grid-template-columns:4.2rem 1fr;column-gap:6px;align-content:start}
.entry{white-space:nowrap}
.plot figcaption,.plot .told{grid-column:1/-1}
.plot svg{width:100%;height:150px;background:var(--card);border:1px solid var(--line)}
.y,.x{display:flex;justify-content:space-between;font-size:.75rem;color:var(--dim)}
.y{flex-direction:column;text-align:right}
.x{grid-column:2}
.told{font-size:.8rem}
path{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.grid{stroke:var(--line);vector-effect:non-scaling-stroke}
path.s1{stroke:var(--s1)}path.s2{stroke:var(--s2);stroke-dasharray:6 3}
path.s3{stroke:var(--s3);stroke-dasharray:2 2}path.s4{stroke:var(--s4);stroke-dasharray:9 3 2 3}
.swatch{display:inline-block;width:22px;height:0;border-top:3px solid;vertical-align:middle;
margin:0 2px 0 8px}
.swatch.s1{border-color:var(--s1)}.swatch.s2{border-color:var(--s2);border-top-style:dashed}
.swatch.s3{border-color:var(--s3);border-top-style:dotted}
.swatch.s4{border-color:var(--s4);border-top-style:double}
.swatch.done,.swatch.running,.swatch.throttled,.swatch.waiting{height:12px;width:12px;
border:1px solid var(--dim)}
.cells{width:100%;height:44px;background:var(--card);border:1px solid var(--line)}
.done{fill:var(--s3);background:var(--s3)}.running{fill:var(--s1);background:var(--s1)}
.throttled{fill:var(--bad);background:var(--bad)}.waiting{background:var(--card)}
.wide{overflow-x:auto}
.wide:focus-visible,a:focus-visible{outline:2px solid var(--s1)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:2px 0;font-size:.8rem;max-width:calc(100vw - 40px)}
th,td{border-bottom:1px solid var(--line);padding:4px 10px 4px 0;text-align:left;
vertical-align:top}
thead th{white-space:nowrap}
tbody th{font-weight:600;min-width:min(14rem,42vw);overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
ul{margin:4px 0;padding-left:20px}
li{overflow-wrap:anywhere}
.words{font-weight:400;white-space:pre-wrap;overflow-wrap:anywhere;min-width:min(16rem,38vw)}
span.words{display:inline-block}
footer{margin:24px auto;font-size:.85rem;color:var(--dim);overflow-wrap:anywhere}
label{display:inline-block;margin-right:8px}small{display:inline-block;overflow-wrap:anywhere}input{max-width:100%;box-sizing:border-box;font:inherit}
button{font:inherit;margin:0 8px 4px 0;padding:4px 12px}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--bg)}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--card:#fff}
body{font-size:10pt}.wide{overflow:visible}figure,tr{break-inside:avoid}
h2{break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}.screen{display:none}}
"""

SCRIPT: Final = """
(function(){
var gone=document.getElementById('gone'),said=document.getElementById('said'),told='',at=0;
function take(text){
 var fresh=new DOMParser().parseFromString(text,'text/html');
 document.title=fresh.title;
 fresh.querySelectorAll('[data-live]').forEach(function(part){
  var old=document.getElementById(part.id);
  if(!old||old.innerHTML===part.innerHTML)return;
  var held=old.contains(document.activeElement)?document.activeElement:null;
  var scrolled=held&&held.className==='wide'?held.getAttribute('aria-label'):null;
  old.innerHTML=part.innerHTML;
  if(scrolled)old.querySelectorAll('.wide').forEach(function(each){
   if(each.getAttribute('aria-label')===scrolled)each.focus({preventScroll:true});});
 });
 var now=fresh.getElementById('brief').textContent;
 if(now!==told&&Date.now()-at>30000){said.textContent=now;told=now;at=Date.now();}
 gone.hidden=true;
}
function look(){
 if(document.hidden){setTimeout(look,2000);return;}
 fetch(location.href,{cache:'no-store'}).then(function(answer){
  if(!answer.ok)throw new Error(answer.status);
  return answer.text();
 }).then(take).catch(function(){gone.hidden=false;}).then(function(){setTimeout(look,2000);});
}
setTimeout(look,2000);
})();
"""


CONTROL_SCRIPT: Final = """
(function(){
var token=document.getElementById('token'),limits=document.getElementById('limits');
var answer=document.getElementById('answer');
token.value=sessionStorage.getItem('token')||'';
token.addEventListener('change',function(){sessionStorage.setItem('token',token.value);});
function send(command){
 if(command==='stop'&&!confirm('Stop the run?'))return;
 var words=command==='set'?limits.value.split(/\\s+/).filter(Boolean):[];
 answer.textContent='…';
 fetch('/api/v1/control',{method:'POST',
  headers:{'Content-Type':'application/json','X-Control-Token':token.value},
  body:JSON.stringify({command:command,arguments:words})})
 .then(function(got){return got.json();})
 .then(function(got){answer.textContent=got.text;})
 .catch(function(){answer.textContent='no answer';});
}
document.querySelector('#control form').addEventListener('submit',function(event){
 event.preventDefault();});
document.querySelectorAll('#control button').forEach(function(button){
 button.addEventListener('click',function(){send(button.dataset.command);});
});
})();
"""


def hashed(text: str) -> str:
    """The name by which a Content-Security-Policy allows an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; style-src {hashed(STYLE)}; script-src {hashed(SCRIPT)} "
    f"{hashed(CONTROL_SCRIPT)}; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
