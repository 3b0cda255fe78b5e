import torch, time
torch.set_num_threads(1)
def loss_of(size, seed=0, dim=4096, train=6000, alpha=1.5, noise=0.5, test=2000):
    g=torch.Generator().manual_seed(1000+seed)
    ...
def curve(sizes, seed=0, dim=2048, alpha=0.9, noise=0.3, samples=8192):
    g=torch.Generator().manual_seed(seed)
    scale=torch.arange(1,dim+1,dtype=torch.float32)**(-alpha)
    w=torch.randn(dim,generator=g)
    x=torch.randn(samples,dim,generator=g)*scale
    y=x@w+noise*torch.randn(samples,generator=g)
    out=[]
    P=torch.randn(dim,max(sizes),generator=g)/dim**.5
    cov=scale**2
    for n in sizes:
        f=x@P[:,:n]
        A=f.T@f+1e-6*torch.eye(n); v=torch.linalg.solve(A,f.T@y)
        r=w-P[:,:n]@v
        out.append(((r**2*cov).sum()+noise**2).item())
    return out
import sys; sys.path.insert(0,"."); 
t=time.time()
sizes=[8,11,16,23,32,45,64,640]
for a in (0.75,0.9,1.1):
    print(a,[ [round(v,3) for v in curve(sizes,s,alpha=a)] for s in (0,1,2)], time.time()-t)
