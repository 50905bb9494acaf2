use imle_configs::seed::{fill_normal, stream, Purpose};
use imle_policy::network::{ChunkShape, NetworkConfig};
use tch::{Device, Kind, Tensor};
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/schedstat").ok().and_then(|s| s.split(' ').next().map(|x| x.parse::<f64>().unwrap())).unwrap_or(0.0);
    if s > 0.0 { return s / 1e9; }
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<_> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn time(name: &str, n: usize, mut f: impl FnMut()) {
    for _ in 0..3 { f(); }
    let t = cpu(); let w = std::time::Instant::now();
    for _ in 0..n { f(); }
    println!("{name}: cpu {:.3} ms wall {:.3}", (cpu() - t) / n as f64 * 1e3, w.elapsed().as_secs_f64() / n as f64 * 1e3);
}
fn main() {
    tch::set_num_threads(1);
    let shape = ChunkShape { observation: 60, prediction: 16, action: 6 };
    let c = NetworkConfig::default();
    let table = c.parameters(&shape).unwrap();
    println!("{} parameters", table.count());
    let flat = Tensor::from_slice(&table.initial(0)).set_requires_grad(true);
    let net = c.build(&shape, &table, &flat).unwrap();
    let o = Tensor::randn([128, 60], (Kind::Float, Device::Cpu));
    time("build", 500, || { let _ = c.build(&shape, &table, &flat).unwrap(); });
    time("condition 128", 200, || { let _ = net.condition(&o).unwrap(); });
    let cond = net.condition(&o).unwrap();
    for b in [6usize, 12, 24, 128] {
        let z = Tensor::randn([b as i64, 20, 16, 6], (Kind::Float, Device::Cpu));
        tch::no_grad(|| { let cond = cond.narrow(0, b).unwrap();
        time(&format!("generate {b}x20, per 128"), 20, || { for _ in 0..128usize.div_ceil(b) { let _ = net.generate(&z, &cond).unwrap(); } }); });
    }
    let mut v = vec![0f32; 128*20*96];
    time("normals", 50, || fill_normal(&mut stream(0, Purpose::Bench, 0, 0, 0), &mut v));
    let z1 = Tensor::randn([128, 1, 16, 6], (Kind::Float, Device::Cpu));
    time("condition+generate+backward 128x1", 50, || {
        let net = c.build(&shape, &table, &flat).unwrap();
        let l = net.generate(&z1, &net.condition(&o).unwrap()).unwrap().square().mean(Kind::Float);
        let _ = Tensor::run_backward(&[l], &[&flat], false, false);
    });
    tch::no_grad(|| {
    let mut m = flat.copy(); let mut m2 = flat.copy(); let g = flat.copy();
    time("adamw", 50, || { let _ = m.lerp_(&g, 0.1); let _ = m2.lerp_(&g.square(), 0.1); let mut d = m2.sqrt(); let d = d.f_mul_scalar_(2.0).unwrap(); let d= d.f_add_scalar(0.1).unwrap(); let _ = m.shallow_clone().f_mul_scalar_(0.999); let _ = m.addcdiv(&g, &d); let _ = m2.lerp_(&g, 0.1); });
    });
    for rows in [1i64, 16] {
    tch::no_grad(|| {
        let o1 = Tensor::randn([rows, 60], (Kind::Float, Device::Cpu));
        time(&format!("condition {rows}"), 1000, || { let _ = net.condition(&o1).unwrap(); });
        let z1 = Tensor::randn([1, 16, 16, 6], (Kind::Float, Device::Cpu));
        let cond = cond.narrow(0, 1).unwrap();
        time("generate 16", 1000, || { let _ = net.generate(&z1, &cond).unwrap(); });
    }); }
}
