//! Walks a parsed template and writes its text.

use super::builtins::{self, Args};
use super::operators;
use super::value::{Loop, Meter, Value};
use super::{Fault, Limits};
use minijinja::machinery::ast::{self, BinOpKind, CallArg, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::value::ValueKind;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Deepest nesting of blocks, macros and expressions while evaluating.
const DEPTH: usize = 500;

/// Evaluates a whole template.
pub(super) fn run<'a>(
    template: &'a Stmt<'a>,
    variables: &'a serde_json::Map<String, serde_json::Value>,
    limits: Limits,
) -> Result<String, Fault> {
    let functions = builtins::FUNCTIONS.iter().map(|name| (*name, Value::Function(name)));
    let variables = variables.iter().map(|(name, value)| Ok((name.as_str(), Value::from_json(value)?)));
    let mut evaluator = Evaluator {
        scopes: vec![functions.collect(), variables.collect::<Result<_, Fault>>()?],
        meter: Meter(Cell::new(limits.work)),
        out: String::new(),
        limit: limits.output,
        depth: 0,
        loops: 0,
    };
    evaluator.statement(template)?;
    Ok(evaluator.out)
}

struct Evaluator<'a> {
    /// Functions, then variables of the template, then those of the loops and macros around.
    scopes: Vec<HashMap<&'a str, Value<'a>>>,
    meter: Meter,
    out: String,
    limit: usize,
    depth: usize,
    loops: usize,
}

/// How a statement ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Continue,
    Break,
}

impl<'a> Evaluator<'a> {
    fn statements(&mut self, statements: &'a [Stmt<'a>]) -> Result<Flow, Fault> {
        for statement in statements {
            let flow = self.nested(|this| this.statement(statement))?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Goes one level deeper, and pays for a step.
    fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.meter.spend(1)?;
        if self.depth == DEPTH {
            return Err(Fault::wrong("it nests too deep"));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self, statement: &'a Stmt<'a>) -> Result<Flow, Fault> {
        match statement {
            Stmt::Template(template) => return self.statements(&template.children),
            Stmt::EmitRaw(raw) => self.emit(raw.raw)?,
            Stmt::EmitExpr(emit) => {
                let text = self.expression(&emit.expr)?.text(&self.meter)?;
                self.emit(&text)?;
            }
            Stmt::IfCond(cond) => {
                let truth = self.expression(&cond.expr)?.truth();
                return self.statements(if truth { &cond.true_body } else { &cond.false_body });
            }
            Stmt::ForLoop(each) => self.for_loop(each)?,
            Stmt::Set(set) => {
                let value = self.expression(&set.expr)?;
                self.assign(&set.target, value)?;
            }
            Stmt::SetBlock(set) => {
                let mut value = self.capture(&set.body)?;
                if let Some(filter) = &set.filter {
                    value = self.filter_captured(filter, value)?;
                }
                self.assign(&set.target, value)?;
            }
            Stmt::FilterBlock(block) => {
                let value = self.capture(&block.body)?;
                let text = self.filter_captured(&block.filter, value)?.text(&self.meter)?;
                self.emit(&text)?;
            }
            Stmt::WithBlock(with) => {
                self.scopes.push(HashMap::new());
                for (target, value) in &with.assignments {
                    let value = self.expression(value)?;
                    self.assign(target, value)?;
                }
                let flow = self.statements(&with.body);
                self.scopes.pop();
                return flow;
            }
            Stmt::Macro(declared) => {
                let declared: &'a ast::Macro<'a> = declared;
                self.define(declared.name, Value::Macro(declared));
            }
            Stmt::Do(call) => drop(self.call(&call.call)?),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::AutoEscape(block) => return self.statements(&block.body),
            _ => return Err(Fault::wrong("it uses a statement that chat templates may not")),
        }
        Ok(Flow::Next)
    }

    fn emit(&mut self, text: &str) -> Result<(), Fault> {
        self.meter.bytes(text.len())?;
        if self.out.len() + text.len() > self.limit {
            return Err(Fault::Output);
        }
        self.out.push_str(text);
        Ok(())
    }

    /// What some statements write, as a value.
    fn capture(&mut self, body: &'a [Stmt<'a>]) -> Result<Value<'a>, Fault> {
        let outer = std::mem::take(&mut self.out);
        let flow = self.statements(body);
        let text = std::mem::replace(&mut self.out, outer);
        flow.map(|_| Value::str(text))
    }

    fn filter_captured(&mut self, filter: &'a Expr<'a>, value: Value<'a>) -> Result<Value<'a>, Fault> {
        let Expr::Filter(filter) = filter else { return Err(Fault::wrong("this block needs a filter")) };
        let value = match &filter.expr {
            Some(inner) => self.filter_captured(inner, value)?,
            None => value,
        };
        let args = self.args(&filter.args)?;
        builtins::filter(filter.name, value, args, &self.meter)
    }

    fn for_loop(&mut self, each: &'a ast::ForLoop<'a>) -> Result<(), Fault> {
        if each.recursive {
            return Err(Fault::wrong("it uses a recursive loop, which chat templates may not"));
        }
        let mut items = self.expression(&each.iter)?.items(&self.meter)?;
        self.scopes.push(HashMap::new());
        if let Some(wanted) = &each.filter_expr {
            let mut kept = Vec::new();
            for item in items {
                self.assign(&each.target, item.clone())?;
                if self.expression(wanted)?.truth() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            self.scopes.pop();
            return self.statements(&each.else_body).map(|_| ());
        }
        let state = Rc::new(Loop { items, index: Cell::new(0), outer: self.loops });
        self.loops += 1;
        for (index, item) in state.items.iter().enumerate() {
            self.meter.spend(1)?;
            state.index.set(index);
            if let Some(scope) = self.scopes.last_mut() {
                scope.clear();
            }
            self.define("loop", Value::Loop(state.clone()));
            self.assign(&each.target, item.clone())?;
            if self.statements(&each.body)? == Flow::Break {
                break;
            }
        }
        self.loops -= 1;
        self.scopes.pop();
        Ok(())
    }

    fn define(&mut self, name: &'a str, value: Value<'a>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, value);
        }
    }

    fn assign(&mut self, target: &'a Expr<'a>, value: Value<'a>) -> Result<(), Fault> {
        match target {
            Expr::Var(var) => self.define(var.id, value),
            Expr::Tuple(tuple) => self.unpack(&tuple.items, value)?,
            Expr::List(list) => self.unpack(&list.items, value)?,
            Expr::GetAttr(attribute) => {
                value.check_data()?;
                match self.expression(&attribute.expr)? {
                    Value::Namespace(space) => {
                        let mut space = space.borrow_mut();
                        self.meter.spend(space.len() + 1)?;
                        match space.iter_mut().find(|(name, _)| &**name == attribute.name) {
                            Some((_, old)) => *old = value,
                            None => space.push((attribute.name.into(), value)),
                        }
                    }
                    other => {
                        return Err(Fault::Wrong(format!("a {} has no attributes to set", other.kind())));
                    }
                }
            }
            _ => return Err(Fault::wrong("this cannot be assigned to")),
        }
        Ok(())
    }

    fn unpack(&mut self, targets: &'a [Expr<'a>], value: Value<'a>) -> Result<(), Fault> {
        let items = value.items(&self.meter)?;
        if items.len() != targets.len() {
            return Err(Fault::Wrong(format!("{} values for {} variables", items.len(), targets.len())));
        }
        targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
    }

    fn expression(&mut self, expression: &'a Expr<'a>) -> Result<Value<'a>, Fault> {
        self.nested(|this| this.value_of(expression))
    }

    fn value_of(&mut self, expression: &'a Expr<'a>) -> Result<Value<'a>, Fault> {
        Ok(match expression {
            Expr::Var(var) => self.lookup(var.id)?,
            Expr::Const(constant) => self.constant(&constant.value)?,
            Expr::List(list) => Value::list(self.all(&list.items)?)?,
            Expr::Tuple(tuple) => Value::list(self.all(&tuple.items)?)?,
            Expr::Map(map) => {
                let mut items = Vec::new();
                for (key, value) in map.keys.iter().zip(&map.values) {
                    let key = self.expression(key)?;
                    let Value::Str(key) = key else {
                        return Err(Fault::Wrong(format!("a {} cannot be a key", key.kind())));
                    };
                    items.push((key, self.expression(value)?));
                }
                Value::map(items)?
            }
            Expr::IfExpr(choice) => {
                if self.expression(&choice.test_expr)?.truth() {
                    self.expression(&choice.true_expr)?
                } else {
                    choice.false_expr.as_ref().map_or(Ok(Value::Undefined), |other| self.expression(other))?
                }
            }
            Expr::UnaryOp(unary) => {
                let value = self.expression(&unary.expr)?;
                match (&unary.op, value) {
                    (UnaryOpKind::Not, value) => Value::Bool(!value.truth()),
                    (UnaryOpKind::Neg, Value::Float(number)) => Value::Float(-number),
                    (UnaryOpKind::Neg, value) => {
                        let negated = value.int().and_then(i64::checked_neg);
                        Value::Int(negated.ok_or_else(|| Fault::wrong("- needs a number"))?)
                    }
                }
            }
            Expr::BinOp(binary) => return self.binary(binary),
            Expr::Compare(chain) => {
                let mut left = self.expression(&chain.expr)?;
                for next in &chain.ops {
                    let right = self.expression(&next.expr)?;
                    if !self.compare(next.op, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Value::Bool(true)
            }
            Expr::Filter(filter) => {
                let inner = filter.expr.as_ref().ok_or_else(|| Fault::wrong("a filter needs a value"))?;
                let value = self.expression(inner)?;
                let args = self.args(&filter.args)?;
                builtins::filter(filter.name, value, args, &self.meter)?
            }
            Expr::Test(test) => {
                let value = self.expression(&test.expr)?;
                let args = self.args(&test.args)?;
                Value::Bool(builtins::test(test.name, &value, args, &self.meter)?)
            }
            Expr::GetAttr(attribute) => {
                let value = self.expression(&attribute.expr)?;
                self.attribute(&value, attribute.name)?
            }
            Expr::GetItem(item) => {
                let value = self.expression(&item.expr)?;
                let key = self.expression(&item.subscript_expr)?;
                match (&key, &value) {
                    (Value::Str(key), _) => self.attribute(&value, key)?,
                    (Value::Int(index), Value::List(list)) => {
                        let index =
                            if *index < 0 { index.saturating_add(list.items.len() as i64) } else { *index };
                        let index = usize::try_from(index).ok();
                        index.and_then(|index| list.items.get(index).cloned()).unwrap_or(Value::Undefined)
                    }
                    (Value::Int(_), Value::Str(_)) => {
                        let parts = [
                            Some(key.clone()),
                            key.int().and_then(|n| n.checked_add(1)).filter(|n| *n != 0).map(Value::Int),
                            None,
                        ];
                        operators::slice(&value, &parts, &self.meter)?
                    }
                    (_, Value::Undefined) => return Err(Fault::wrong("an undefined value has no items")),
                    _ => Value::Undefined,
                }
            }
            Expr::Slice(slice) => {
                let value = self.expression(&slice.expr)?;
                let mut parts = [None, None, None];
                for (part, given) in parts.iter_mut().zip([&slice.start, &slice.stop, &slice.step]) {
                    *part = given.as_ref().map(|given| self.expression(given)).transpose()?;
                }
                operators::slice(&value, &parts, &self.meter)?
            }
            Expr::Call(call) => return self.call(call),
        })
    }

    fn all(&mut self, expressions: &'a [Expr<'a>]) -> Result<Vec<Value<'a>>, Fault> {
        expressions.iter().map(|item| self.expression(item)).collect()
    }

    fn constant(&self, value: &minijinja::Value) -> Result<Value<'a>, Fault> {
        Ok(match value.kind() {
            ValueKind::None => Value::None,
            ValueKind::Undefined => Value::Undefined,
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::Number => match value.as_i64().filter(|_| value.is_integer()) {
                Some(number) => Value::Int(number),
                None => Value::Float(
                    f64::try_from(value.clone()).map_err(|error| Fault::Wrong(error.to_string()))?,
                ),
            },
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.meter.bytes(text.len())?;
                Value::str(text)
            }
            _ => return Err(Fault::wrong("it has a constant of an unknown kind")),
        })
    }

    fn lookup(&self, name: &str) -> Result<Value<'a>, Fault> {
        self.meter.spend(self.scopes.len() / 8)?;
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        Ok(found.cloned().unwrap_or(Value::Undefined))
    }

    fn attribute(&self, value: &Value<'a>, name: &str) -> Result<Value<'a>, Fault> {
        match value {
            Value::Undefined => Err(Fault::Wrong(format!("an undefined value has no `{name}`"))),
            Value::Map(_) => value.member(name, &self.meter),
            Value::Namespace(space) => {
                let space = space.borrow();
                self.meter.spend(space.len())?;
                let found = space.iter().find(|(key, _)| &**key == name);
                Ok(found.map_or(Value::Undefined, |(_, value)| value.clone()))
            }
            Value::Loop(state) => {
                let (index, len) = (state.index.get(), state.items.len());
                let item = |at: Option<usize>| {
                    at.and_then(|at| state.items.get(at).cloned()).unwrap_or(Value::Undefined)
                };
                Ok(match name {
                    "index" => Value::Int(index as i64 + 1),
                    "index0" => Value::Int(index as i64),
                    "revindex" => Value::Int((len - index) as i64),
                    "revindex0" => Value::Int((len - index) as i64 - 1),
                    "first" => Value::Bool(index == 0),
                    "last" => Value::Bool(index + 1 == len),
                    "length" => Value::Int(len as i64),
                    "depth" => Value::Int(state.outer as i64 + 1),
                    "depth0" => Value::Int(state.outer as i64),
                    "previtem" => item(index.checked_sub(1)),
                    "nextitem" => item(Some(index + 1)),
                    _ => Value::Undefined,
                })
            }
            _ => Ok(Value::Undefined),
        }
    }

    fn binary(&mut self, binary: &'a ast::BinOp<'a>) -> Result<Value<'a>, Fault> {
        let left = self.expression(&binary.left)?;
        match binary.op {
            BinOpKind::ScAnd if !left.truth() => return Ok(left),
            BinOpKind::ScOr if left.truth() => return Ok(left),
            _ => {}
        }
        let right = self.expression(&binary.right)?;
        let compared = |op| self.compare(op, &left, &right).map(Value::Bool);
        match binary.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => Ok(right),
            BinOpKind::Eq => compared(CompareOpKind::Eq),
            BinOpKind::Ne => compared(CompareOpKind::Ne),
            BinOpKind::Lt => compared(CompareOpKind::Lt),
            BinOpKind::Lte => compared(CompareOpKind::Lte),
            BinOpKind::Gt => compared(CompareOpKind::Gt),
            BinOpKind::Gte => compared(CompareOpKind::Gte),
            BinOpKind::In => compared(CompareOpKind::In),
            op => operators::arithmetic(op, &left, &right, &self.meter),
        }
    }

    fn compare(&self, op: CompareOpKind, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Fault> {
        use std::cmp::Ordering::*;
        Ok(match op {
            CompareOpKind::Eq => left.equals(right, &self.meter)?,
            CompareOpKind::Ne => !left.equals(right, &self.meter)?,
            CompareOpKind::In => operators::contains(right, left, &self.meter)?,
            CompareOpKind::NotIn => !operators::contains(right, left, &self.meter)?,
            CompareOpKind::Lt => operators::order(left, right, &self.meter)? == Some(Less),
            CompareOpKind::Lte => matches!(operators::order(left, right, &self.meter)?, Some(Less | Equal)),
            CompareOpKind::Gt => operators::order(left, right, &self.meter)? == Some(Greater),
            CompareOpKind::Gte => {
                matches!(operators::order(left, right, &self.meter)?, Some(Greater | Equal))
            }
        })
    }

    fn args(&mut self, given: &'a [CallArg<'a>]) -> Result<Args<'a>, Fault> {
        let mut args = Args::default();
        for arg in given {
            match arg {
                CallArg::Pos(value) => args.plain.push(self.expression(value)?),
                CallArg::Kwarg(name, value) => args.named.push((name, self.expression(value)?)),
                _ => return Err(Fault::wrong("it unpacks arguments, which chat templates may not")),
            }
        }
        Ok(args)
    }

    fn call(&mut self, call: &'a ast::Call<'a>) -> Result<Value<'a>, Fault> {
        if let Expr::GetAttr(method) = &call.expr {
            let value = self.expression(&method.expr)?;
            let args = self.args(&call.args)?;
            return builtins::method(method.name, &value, args, &self.meter);
        }
        let function = self.expression(&call.expr)?;
        let args = self.args(&call.args)?;
        match function {
            Value::Macro(declared) => self.call_macro(declared, args),
            Value::Function("namespace") => {
                let mut space = Vec::new();
                for (name, value) in args.named {
                    value.check_data()?;
                    space.push((name.into(), value));
                }
                Ok(Value::Namespace(Rc::new(RefCell::new(space))))
            }
            Value::Function(name) => builtins::function(name, args, &self.meter),
            Value::Undefined => Err(Fault::wrong("it calls a function that does not exist")),
            other => Err(Fault::Wrong(format!("a {} cannot be called", other.kind()))),
        }
    }

    /// A macro sees the template's variables and its own, not those of its caller.
    fn call_macro(&mut self, declared: &'a ast::Macro<'a>, args: Args<'a>) -> Result<Value<'a>, Fault> {
        let callers = self.scopes.split_off(2.min(self.scopes.len()));
        self.scopes.push(HashMap::new());
        let result = self.nested(|this| {
            let required = declared.args.len() - declared.defaults.len();
            let mut plain = args.plain.into_iter();
            for (n, name) in declared.args.iter().enumerate() {
                let Expr::Var(name) = name else { return Err(Fault::wrong("a macro's parameter is a name")) };
                let named =
                    || args.named.iter().find(|(given, _)| *given == name.id).map(|(_, value)| value.clone());
                let value = match plain.next().or_else(named) {
                    Some(value) => value,
                    None if n >= required => this.expression(&declared.defaults[n - required])?,
                    None => Value::Undefined,
                };
                this.define(name.id, value);
            }
            this.capture(&declared.body)
        });
        self.scopes.truncate(2);
        self.scopes.extend(callers);
        result
    }
}
