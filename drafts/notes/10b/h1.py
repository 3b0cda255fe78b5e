"""fp16 experiment"""
import torch, time, math, sys
from torch import nn
from torch.nn import functional as F
from dlcourse.data import digits
torch.set_num_threads(1)
x, y, xt, yt = digits()
class Half(nn.Module):
    def __init__(self, dtype, widths, act):
        super().__init__(); self.dtype=dtype; self.act=act
        self.layers = nn.ModuleList(nn.Linear(a,b) for a,b in zip(widths,widths[1:]))
    def forward(self, h):
        h = h.to(self.dtype)
        for i,l in enumerate(self.layers):
            h = F.linear(h, l.weight.to(self.dtype), l.bias.to(self.dtype))
            if i < len(self.layers)-1: h = self.act(h)
        return h.float()
def run(dtype, scale, seed=0, epochs=10, bs=128, lr=1e-3, depth=5, act=torch.sigmoid, weight=1.0, width=32):
    torch.manual_seed(seed)
    m = Half(dtype, [64]+[width]*depth+[64], act)
    opt = torch.optim.Adam(m.parameters(), lr=lr)
    g = torch.Generator().manual_seed(seed); L=[]; zero=[]
    for e in range(epochs):
        tot=0
        for i in torch.randperm(len(x),generator=g).split(bs):
            loss = weight*F.mse_loss(m(x[i]), x[i])
            opt.zero_grad(); (loss*scale).backward()
            zs=[(l.weight.grad==0).float().mean().item() for l in m.layers]
            for p in m.parameters(): p.grad/=scale
            opt.step(); tot+=loss.item()*len(i)
        L.append(tot/len(x)/weight)
    return L, zs
for kw in [dict(depth=6, act=torch.tanh, bs=1437, epochs=40, lr=3e-3), dict(depth=6, act=F.silu, bs=1437, epochs=40, lr=3e-3),dict(depth=4, act=F.silu, bs=1437, epochs=40, lr=3e-3)]:
    print(kw)
    for dt,sc in [(torch.float32,1.),(torch.float16,1.),(torch.float16,1024.),(torch.float16,8192.),(torch.bfloat16,1.)]:
        t=time.time()
        L,z=run(dt,sc,**kw); print(dt,sc,[round(v,4) for v in L[::6]+L[-1:]],[round(v,2) for v in z], round(time.time()-t,1))
