"""The mean frontal chest: what a chest radiograph is recognised and aligned by. Data, no logic.

48 x 48, 8 bit, rank-equalised brightness (0 = darkest tissue of the image, air). Mean of 150 NIH
ChestX-ray8 "No Finding" images (every second one of the 300; NIH Clinical Center, no restrictions
on use; Wang et al., CVPR 2017), begun as their plain mean and aligned to one another by the match
of `core.imaging.dr_chest` itself in seven rounds, the worst 30 % left out of each mean.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

TEMPLATE_SIZE = 48


@cache
def chest_template() -> NDArray[np.float32]:
    """Return the (row, column) template, 0...1; read only."""
    raw = zlib.decompress(base64.b85decode(_DEFLATED))
    grey = np.frombuffer(raw, np.uint8).reshape(TEMPLATE_SIZE, TEMPLATE_SIZE)
    template: NDArray[np.float32] = grey.astype(np.float32) / 255.0
    template.flags.writeable = False
    return template


_DEFLATED = (
    "c-keDcRbbq7stP3?;XOu;>x<XSy#rz&7SufH=8@G8?LhImK8FyUEzkVJ&V%K$}FMmLPSQ%*N^u6_U-r9_k8|+p4aPj"
    "&iOpvauBFID2SXaL>{KDYjWBS>q#Vsojn^)CU`j8ppA6YV8@|QsDdI)>4fqLn1-en_%z{aDk^Fk+DKzFOGjKlC^<Oz"
    "Y>2<BEgEHv)Yec}Q-f<F5ZXFA+6YrKb2C$viJ<}VzdD7o!ukdU6Nw=~-i~M^q=A6}QXgqxXk?5sHMc;UV_aM?j&{~o"
    "mKJD~fvy%@Q^&;i41t6v1QXn?P9fm%lX`}xXiF<AYkMabcQ+S*UmveCZWt$LCmU0JO%<4ux-Qzqj}U+l^v9qO$_k3A"
    "2&B0k28+SCdHDMK`H@3N0Y08McUMP?QzzA7Q0NH+%E>#xA5ZdeFjQBNgD9$N8(Cv;xHF!9q|i`uG=&@(;Op(>3e44%"
    "<Yi?Q;70adcs!BhWs6jS9Fvh(Qa@>I>+a+0M+l{ykGUKh8A=N9^Rze8RFapIkv=A`inR42kb;7|Z1hgZN=Zq}$}1sE"
    "oqh1cpzx>*)Wl0s;UR(kSTik!V@JisB_ts#fF}iqhI(7;z>Z0XiHaSSf$3P{h{0q^?B&EO@iCDRA>KB6O46c&f<nUL"
    "GRjChpO7$0n6LH8<41)B`1u9JWL1rv@nMls7ZR?dBwUDz3c;Z@A!2;o+`Rn4QZPL`|FHAXk^a_N5HWrpE-oHHNkv^7"
    "pYWJCYGP_yQam*#2y3J)CCJ6j&cQ7pp`dGzkBp<n5bY3h!aSU8Z0tND5KXj4SR6GzIV~eKIU$y4ucs)%$Ii;i#>pqH"
    "ppOZPiBF=2Vsrt|!OC)kQ$SkP*p+-SAvrZYJ0mSQ#?Kl772#%MVL9X#4c*RCuUt)};7&n=dDvN5SlRg`U`Xd6D!{X@"
    "Wo4#Dd86U7!dypKfE2$3%)}!yF(W%I#>eEi$e}(fJFnPrU3=oiw2aK`ylXjW=Wr&fGD2KO{`w2>k}77tF{#(`GN}ag"
    "32{Eav#{}q%Ad3jxR9QmlarsHmqu|lQjr$qWCc8zfHd5ibSbN_I5#oG1}-JQb(oS{1fpf(7nhlvn_E~^kQRnDRF>jD"
    "RAT29foMCClk!W;iqaymx=>MIz{<ugET>`a9h;S3kXJ-2N)2^FDoFyRBW#?4Qp$#Ilyn;X#`WxIPn4>RFc&);2d{{%"
    "x~WH0R#8!YNojFPu!BBKQiz*_or6aVs%7pKd#!@OxKVJKV5_Sn$;ZjT#V01Gj>4VGDk&)}EiXw9ve#FV2B+cR<d;&?"
    "v%$v~-)v~CDNP}}n84+PxH-A`#UXH%J0-L9dhvC7Nm8K0A<qjgFAUW%b_z}{uWxN@x{-O#+e%jv{1UtZ;?O_*^>SKy"
    "B`t|`s4v3L%L~#YEzVG~Z?<-Hw$~O=Nf;A#84*DNAql{{Q8LQtrSvLVBGFD?Sw>t~P)JN3VPfxpv8bWr9`kNXc^bvj"
    "S`Q{ACMqs<T+`GoBBQ*rtm<ZI0@1-h4JsurDlQG=U4oM<+V1uAc6TsxFOsmPn)1?8$K+rLGxvz}ifTH8L5n9k7-}fW"
    "NJ>aTwM^~3A~SDx_6!X6-)p3$P<-qRR3NetMO7U%E+U=IsI094yrT(187d<KRWYz~AyEq(nFAxE!@cd5*Di(NEVNY="
    "6_hm%EYASGrn<hSB%b7K3SK=0MP+R>2e0syvi81_vB!@F@79-IjV8I8>%i6E+Qv4XfUjlL*A&MGV$nz~HC1(lp^Y0p"
    "Dzoa&;Mm0E#Ar`zWnR*G0><1xM+a$Y?;V*=ud8XODNYD>voz8@sjYkJw6k~UrTjYP=)~02)5i}wYD=@?BLlFOC}Y%V"
    "C*N}!^!mES+Tw&z4?8nsLnD-hqX#J}<$6os<Eh!XnaN>hOJz~|rEq^&J4-8DSN!=5dPDsof7S<Ua~gfx+7U+xznopw"
    "IrL<9;o1E3qrQ&%ih`>b$bN24ju;P8G~gQmpGYBiVjb-ru^#@Ru_?v%%!ktpi;K_aCI;`dGRksO;>dm;I1j&&xI@0F"
    "w)jd6nE+lyAABG=Dj~a~wQqcGarwpav!|my9Sv2qoD^y}5swdyxRgb2Y;3NjrC*MwgoTBli;kgQ$tq!V4n2MLV)f<f"
    "(#+U{uC}@=T5d*SbVN8MIw7Z`v8ko5Eca@1VnWiD)T^1fMddZ^y<>CBFV|nKtt?EA^mW~8VpNpmUQM7<<5TkJ4b3eL"
    "m8C@m1%-u0C1v#L+NO@4(WlQ>Uu|w}tS!!rkMuJ;+Zq{kT3&WWMow{MLvvem?ak`yYDR5cV{=P;=l%YX$@v$rwqC#4"
    "-dI_f9v>a-W!|~nQeRy`E2hyIjm@{)TU*-NZ{6<fV&3oRAAC6eWNv9~>&@HUo$a;dg_$Sgk46T1?{~H})z>g;8d_TJ"
    "+_`f|_6-b;j6QliIW@bm^m1!wcW>|Soz0ia&lhH=CdNjG`n&ITw70djwzo06d;156A3h$Rd^$BfJO6BHWo>h3Z~x$6"
    "A2h75E<c~2nVJM9gMHo1uCC5oJr4jpIW;r4@O*J;d1ZBNV{2#c;QfaW?+^BNwl~&RmKUGR&rO3|!vp<&-JN|SfClgq"
    "So!*^4KV2L-n$Q<K7Ic5;b8AAn0o!?>WigkbJI_O$#8$yz@y3O`Niecwe^jy?bkbR|K8hw_wn<WuV24>{&29rxBF&$"
    "b7TEa$JFH5!$IcIIKWrdUTto_+1Ul~0TBQ4?fZ`(-@kqN`2HQ}*m(_Z0S1|yo*Wxu4o}Q3uB-$4P#NU@`02~n??3+m"
    "_4E7J&mTX$I{=&7-UR1foSzyWx<B${;l=vqYp}uncYk1@{m-v|LH+s(EDk&N!5qM1WpQqDxO;R8Tz`9K_kV{$K<;lp"
    "eggdW@8AFa0uJB4g1P@|c(uATKQ-F@f0)cTmH"
)
