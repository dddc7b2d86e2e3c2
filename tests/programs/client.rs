// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program on tikv-jemallocator asks of its allocator, through tikv-jemalloc-ctl.
//! Built by rust.py.
use std::collections::BTreeMap;
use std::sync::mpsc;

use tikv_jemalloc_ctl::{
    arenas, background_thread, config, epoch, max_background_threads, opt, raw, stats, thread,
    version,
};

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[repr(align(4096))]
struct Page([u8; 4096]);

fn statistics() {
    let before = epoch::advance().unwrap();
    assert_eq!(epoch::advance().unwrap(), before + 1);
    let mib = epoch::mib().unwrap();
    assert_eq!(mib.advance().unwrap(), before + 2);
    let allocated = stats::allocated::mib().unwrap();
    let idle = allocated.read().unwrap();
    let block = vec![1u8; 10_000_000];
    mib.advance().unwrap();
    assert!(allocated.read().unwrap() - idle >= 10_000_000);
    drop(block);
    mib.advance().unwrap();
    let active = stats::active::read().unwrap();
    assert!(allocated.read().unwrap() <= active);
    assert!(active <= stats::resident::read().unwrap());
    assert!(stats::metadata::read().unwrap() > 0);
    stats::mapped::read().unwrap();
    stats::retained::read().unwrap();
}

fn settings() {
    assert!(!background_thread::update(true).unwrap());
    assert!(background_thread::update(false).unwrap());
    let most = unsafe { raw::read::<usize>(b"opt.max_background_threads\0").unwrap() };
    assert_eq!(max_background_threads::read().unwrap(), most);
    assert!(arenas::narenas::read().unwrap() >= 1);
    assert!(opt::narenas::read().unwrap() >= 1);
    assert!(opt::tcache::read().unwrap());
    assert!(!opt::abort::read().unwrap());
    assert!(opt::dss::read().unwrap().starts_with("disabled"));
    config::malloc_conf::read().unwrap();
    println!("version {}", version::read().unwrap().trim_end_matches('\0'));
    let ms = unsafe { raw::read::<isize>(b"opt.dirty_decay_ms\0").unwrap() };
    println!("dirty_decay_ms {ms}");
}

fn counters() {
    let made = thread::allocatedp::read().unwrap();
    let freed = thread::deallocatedp::read().unwrap();
    let (made_before, freed_before) = (made.get(), freed.get());
    drop(vec![7u64; 1000]);
    assert!(made.get() - made_before >= 8000);
    assert!(freed.get() - freed_before >= 8000);
}

fn work() -> usize {
    let (send, receive) = mpsc::channel::<BTreeMap<String, Vec<u8>>>();
    let maps = |worker: usize, send: mpsc::Sender<BTreeMap<String, Vec<u8>>>| {
        for i in 0..200 {
            let one = |k: usize| (format!("{worker}-{i}-{k}"), vec![k as u8; k * 97 % 3000]);
            send.send((0..50).map(one).collect()).unwrap();
        }
    };
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let send = send.clone();
            std::thread::spawn(move || maps(worker, send))
        })
        .collect();
    drop(send);
    let mut sum = 0;
    for (key, value) in receive.into_iter().flatten() {
        assert!(value.iter().all(|byte| *byte == value[0]));
        sum += key.len() + value.len();
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    sum
}

fn shapes() {
    let pages: Vec<Box<Page>> = (0..100).map(|i| Box::new(Page([i; 4096]))).collect();
    for (i, page) in pages.iter().enumerate() {
        assert_eq!(&**page as *const Page as usize % 4096, 0);
        assert_eq!(page.0[4095], i as u8);
    }
    let mut grown = Vec::new();
    (0..3_000_000u32).for_each(|i| grown.push(i));
    assert!(grown.iter().enumerate().all(|(i, value)| i as u32 == *value));
}

fn main() {
    statistics();
    settings();
    counters();
    shapes();
    println!("sum {}", work());
}
