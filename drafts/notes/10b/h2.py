"""large batch + power law"""
import torch, time, math
from torch import nn
from torch.nn import functional as F
from dlcourse.data import digits
from dlcourse.training import minibatches, accuracy
torch.set_num_threads(1)
x, y, xt, yt = digits(test=800)
def lr_at(step, base, bb, b, w):
    hi = base*b/bb
    return hi if step>=w else base+(hi-base)*step/w
def run(batch, rate, epochs=8, seed=0, mom=0.9):
    torch.manual_seed(seed)
    m = nn.Sequential(nn.Linear(64,64), nn.ReLU(), nn.Linear(64,64), nn.ReLU(), nn.Linear(64,10))
    g=torch.Generator().manual_seed(seed); opt=torch.optim.SGD(m.parameters(), lr=1, momentum=mom); n=0
    for e in range(epochs):
        for a,b in minibatches(x,y,batch,g):
            opt.param_groups[0]["lr"]=rate(n); n+=1
            loss=F.cross_entropy(m(a),b); opt.zero_grad(); loss.backward(); opt.step()
    return accuracy(m,xt,yt), n
for base in (0.01,0.02):
  for B in (128,256):
    for ep in (6,10):
      for seed in (0,1,2):
        t=time.time()
        W=max(1,int(0.3*ep*math.ceil(len(x)/B)))
        r=[run(16,lambda n:base,ep,seed)[0], run(B,lambda n:base,ep,seed)[0], run(B,lambda n:base*B/16,ep,seed)[0], run(B,lambda n:lr_at(n,base,16,B,W),ep,seed)[0]]
        print(base,B,ep,seed,[round(v,3) for v in r],W, round(time.time()-t,1))
