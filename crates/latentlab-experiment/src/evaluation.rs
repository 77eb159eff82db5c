//! tmp
use crate::{Session, Result};
use latentlab_core::GenerativeModel;
use std::sync::Arc;
pub struct Evaluation { d: Arc<latentlab_data::Dataset> }
impl Evaluation { pub fn of(s:&Session)->Result<Self>{ Ok(Self{d:Arc::clone(&s.dataset)}) }
 pub fn measure(&self, m:&dyn GenerativeModel)->latentlab_core::Result<Vec<(String,f64)>>{
  let mut out=vec![]; let dev=candle_core::Device::Cpu;
  if let Some(l)=m.likelihood(){ let mut rng=latentlab_tensor::Rng::stream(0,"e",0); let mut a=0f64; let mut n=0f64;
   for b in self.d.batches(latentlab_data::Split::Test,1000,&dev){ let b=b?; let e=l.elbo(&b.images,&mut rng)?; a-=(e.reconstruction.sum_all()?.to_scalar::<f32>()?+e.kl.sum_all()?.to_scalar::<f32>()?) as f64; n+=b.size()? as f64;}
   out.push(("test/elbo".to_string(),a/n)); }
  if let Some(r)=m.reconstructor(){ let mut a=0f64; let mut n=0f64;
   for b in self.d.batches(latentlab_data::Split::Test,1000,&dev){ let b=b?; let e=(r.reconstruct(&b.images)?-&b.images)?.sqr()?.sum_all()?.to_scalar::<f32>()?; a+=e as f64; n+=b.size()? as f64;}
   out.push(("test/squared_error".to_string(),a/n)); }
  if let Some(s)=m.sampler(){ let mut rng=latentlab_tensor::Rng::stream(0,"e",1); let x=s.sample(10000,&mut rng)?; let (n,c,h,w)=x.dims4()?;
    if h*w==1 && c==6 { let v=x.reshape((n,c))?.argmax(1)?.to_vec1::<u32>()?; let mut p=[0f64;6]; for i in v { p[i as usize]+=1./n as f64; } let tv:f64=p.iter().zip(latentlab_data::DICE).map(|(a,b)|(a-b).abs()).sum::<f64>()/2.; out.push(("samples/total_variation".into(),tv)); for i in 0..6 {out.push((format!("samples/face{i}"),p[i]));} }
    if h*w==1 && c==2 { let v=x.reshape((n,c))?.to_vec2::<f32>()?; let modes=latentlab_data::ring_modes(); let mut hit=vec![0;modes.len()]; for p in &v { for (i,m) in modes.iter().enumerate(){ if ((p[0] as f64-m[0]).powi(2)+(p[1] as f64-m[1]).powi(2)).sqrt()<0.03 {hit[i]+=1;} } } out.push(("samples/modes".into(), hit.iter().filter(|h|**h>=1).count() as f64)); out.push(("samples/min_mode_share".into(), *hit.iter().min().unwrap() as f64/n as f64)); out.push(("samples/high_quality".into(), hit.iter().sum::<i32>() as f64/n as f64)); }
  }
  Ok(out) } }
